// Reads a log of ours with Go's own packages: golang.org/x/mod/sumdb/tlog and note, and filippo.io/torchwood.
//
//	interop tiles FOLDER LOG_VKEY             every entry proved from the tiles, in a folder that mirrors the log
//	interop proof PROOF_FILE ENTRY_FILE LOG_VKEY   a tlog-proof of one entry
//	interop tree OLD NEW OLD_ROOT NEW_ROOT [HASH ...]  a consistency proof
//	interop note NOTE_FILE LOG_VKEY [WITNESS_VKEY ...]  a cosigned checkpoint
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder struct{ path string }

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(filepath.Join(f.path, torchwood.TilePath(t)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	switch os.Args[1] {
	case "tiles":
		tiles(folder{os.Args[2]}, os.Args[3])
	case "proof":
		proof(os.Args[2], os.Args[3], os.Args[4])
	case "tree":
		tree(os.Args[2:])
	case "note":
		cosigned(os.Args[2], os.Args[3], os.Args[4:])
	default:
		check(fmt.Errorf("unknown command"))
	}
}

func tiles(f folder, vkey string) {
	checkpoint := open(read(filepath.Join(f.path, "checkpoint")), vkey)
	hashes := tlog.TileHashReader(checkpoint.Tree, f)
	entries := int64(0)
	for n := int64(0); n*256 < checkpoint.N; n++ {
		width := min(256, checkpoint.N-n*256)
		bundle := read(filepath.Join(f.path, torchwood.TilePath(tlog.Tile{H: 8, L: -1, N: n, W: int(width)})))
		for range width {
			length := int(bundle[0])<<8 | int(bundle[1])
			leaf := tlog.RecordHash(bundle[2 : 2+length])
			bundle = bundle[2+length:]
			path, err := tlog.ProveRecord(checkpoint.N, entries, hashes)
			check(err)
			check(tlog.CheckRecord(path, checkpoint.N, checkpoint.Hash, entries, leaf))
			entries++
		}
		if len(bundle) != 0 {
			check(fmt.Errorf("%d bytes after the entries of bundle %d", len(bundle), n))
		}
	}
	fmt.Printf("OK entries=%d root=%s\n", entries, checkpoint.Hash)
}

func proof(file, entry, vkey string) {
	head, signed, found := strings.Cut(string(read(file)), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		check(fmt.Errorf("not a tlog-proof"))
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	checkpoint := open([]byte(signed), vkey)
	leaf := tlog.RecordHash(read(entry))
	check(tlog.CheckRecord(tlog.RecordProof(steps(lines[2:])), checkpoint.N, checkpoint.Hash, index, leaf))
	fmt.Printf("OK index=%d size=%d\n", index, checkpoint.N)
}

func tree(args []string) {
	older, err := strconv.ParseInt(args[0], 10, 64)
	check(err)
	newer, err := strconv.ParseInt(args[1], 10, 64)
	check(err)
	roots := steps(args[2:4])
	check(tlog.CheckTree(tlog.TreeProof(steps(args[4:])), newer, roots[1], older, roots[0]))
	fmt.Printf("OK old=%d new=%d\n", older, newer)
}

func cosigned(file, vkey string, witnesses []string) {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	verifiers := []note.Verifier{verifier}
	for _, key := range witnesses {
		witness, err := torchwood.NewCosignatureVerifier(key)
		check(err)
		verifiers = append(verifiers, witness)
	}
	signed, err := note.Open(read(file), note.VerifierList(verifiers...))
	check(err)
	if len(signed.Sigs) != len(verifiers) {
		check(fmt.Errorf("%d of %d signatures hold", len(signed.Sigs), len(verifiers)))
	}
	fmt.Printf("OK signatures=%d\n", len(signed.Sigs))
}

func open(signed []byte, vkey string) torchwood.Checkpoint {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	text, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	checkpoint, err := torchwood.ParseCheckpoint(text.Text)
	check(err)
	return checkpoint
}

func steps(lines []string) []tlog.Hash {
	var found []tlog.Hash
	for _, line := range lines {
		raw, err := base64.StdEncoding.DecodeString(line)
		check(err)
		if len(raw) != tlog.HashSize {
			check(fmt.Errorf("a hash of %d bytes", len(raw)))
		}
		found = append(found, tlog.Hash(raw))
	}
	return found
}

func read(file string) []byte {
	data, err := os.ReadFile(file)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
}
