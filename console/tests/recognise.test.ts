import { describe, expect, it } from "vitest";
import { recognise } from "../src/screens/search/recognise";

const COURIERS = ["swiftline", "sf-express"];

/** What was typed → the readings, as kind and parts. */
const TYPED: [string, string][] = [
  ["+84 904 058 501", "Phone value=+84 904 058 501"],
  ["0812-3456-7811", "Parcel waybill=081234567811 ?courier | Phone value=0812-3456-7811"],
  ["(021) 555 0175", "Phone value=(021) 555 0175"],
  ["٠٧٠٠١٢٣٤٥٦", "Phone value=٠٧٠٠١٢٣٤٥٦"],
  ["\u202a+254 712 240 912\u202c", "Phone value=+254 712 240 912"],
  ["old.tusk@mail.example", "Email value=old.tusk@mail.example"],
  ["https://shop.example/user/17", "Account url=https://shop.example/user/17"],
  ["shop.example/user/17", "Account url=shop.example/user/17"],
  ["pasar:u3143470", "Account site=pasar id=u3143470"],
  ["app:dompet/888552983322", "PaymentAccount provider=dompet account=888552983322"],
  ["GB82 WEST 1234 5698 7654 32", "PaymentAccount iban=GB82WEST12345698765432"],
  ["0x52908400098527886e0f7030069857d2e4169ee7", "PaymentAccount wallet=0x52908400098527886e0f7030069857d2e4169ee7"],
  ["EE165354795VN", "Parcel waybill=EE165354795VN"],
  ["swiftline SW1234567890", "Parcel courier=swiftline waybill=SW1234567890"],
  ["KE:KDA 123A", "Vehicle country=KE plate=KDA 123A"],
  ["490154203237518", "Device imei=490154203237518"],
  ["CSQU3054383", "Container value=CSQU3054383"],
  ["杨军", "name text=杨军"],
  ["Old Tusk Studio", "name text=Old Tusk Studio"],
  ["", ""],
  ["   ", ""],
];

describe("what was typed", () => {
  it.each(TYPED)("%j is read as %j", (typed, expected) => {
    const read = recognise(typed, COURIERS).map(({ kind, parts, lacks }) =>
      [kind ?? "name", ...parts.map((one) => `${one.name}=${one.value}`), ...(lacks ? [`?${lacks}`] : [])].join(" "),
    );
    expect(read.join(" | ")).toBe(expected);
  });

  it("an IBAN with a wrong check digit is none", () => {
    expect(recognise("GB83 WEST 1234 5698 7654 32", COURIERS).some((one) => one.kind === "PaymentAccount")).toBe(false);
  });
});
