"""Names, towns and words of the scenario: invented people, the field's own code words."""

from __future__ import annotations

GIVEN = {
    "ID": ("Agus", "Budi", "Citra", "Dewi", "Eko", "Fitri", "Gita", "Hendra", "Indah", "Joko", "Kartika", "Lestari"),
    "VN": ("An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Khánh", "Lan", "Minh", "Ngọc", "Phúc", "Thảo"),
    "CN": ("伟", "芳", "娜", "敏", "静", "强", "磊", "洋", "艳", "勇", "军", "杰"),
    "KE": (
        "Achieng",
        "Baraka",
        "Chebet",
        "Daudi",
        "Esther",
        "Farida",
        "Juma",
        "Kamau",
        "Mwangi",
        "Njeri",
        "Otieno",
        "Wanjiru",
    ),
}
FAMILY = {
    "ID": ("Santoso", "Wijaya", "Saputra", "Hidayat", "Nugroho", "Kusuma", "Pratama", "Siregar"),
    "VN": ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng"),
    "CN": ("王", "李", "张", "刘", "陈", "杨", "赵", "黄"),
    "KE": ("Kiprono", "Ochieng", "Mutua", "Wekesa", "Kariuki", "Hassan", "Barasa", "Chelimo"),
}
TOWNS = {
    "ID": ("Jakarta", "Surabaya", "Medan", "Bandung", "Makassar", "Denpasar"),
    "VN": ("Hà Nội", "Hải Phòng", "Đà Nẵng", "Móng Cái", "Cần Thơ"),
    "CN": ("Dongxing", "Pingxiang", "Guangzhou", "Kunming", "Fuzhou"),
    "KE": ("Nairobi", "Mombasa", "Voi", "Kisumu", "Malindi"),
}

CODE_WORDS = {
    "ivory": ("XY", "jelly", "blood material"),
    "rhino horn": ("XJ", "Xi Jiao"),
}
"""What adverts say instead of the plain word."""

ADVERTS = {
    "ivory": (
        "{word} beads, old stock, buyers who know only",
        "fine {word} bangle 58 mm, add me for pictures",
        "{word} by weight, no questions",
    ),
    "rhino horn": (
        "{word} slice, warm water test welcome",
        "bracelet {word}, private message",
        "{word} powder, long-time collector",
    ),
}
ORDINARY = (
    "Batik shirt size L, new",
    "Phone case, many colours",
    "Robusta coffee beans 1 kg",
    "Used motorcycle helmet",
    "School books grade 7",
    "Rattan basket, handmade",
    "Baby stroller, good condition",
    "Fishing reel, saltwater",
    "Wooden carving, mahogany",
    "Ceramic tea set",
)
DECLARED = ("Handicraft", "Clothes", "Coffee", "Phone parts", "Wooden beads", "Cosmetics", "Books", "Tea")
SPECIES = {
    "ivory": ("Loxodonta africana", "IVC"),
    "rhino horn": ("Ceratotherium simum", "HOP"),
}
"""Scientific name and CITES trade term of what is seized."""
