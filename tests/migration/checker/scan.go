package checker

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// headSize is how many bytes of a form are looked up, and minText is how short a text may
// be so that each of its forms has as many.
const (
	headSize = 8
	minText  = 8
)

// Needles are texts that must be nowhere: card numbers, passwords. They are met as they
// are and within base64, at whichever place they begin in what was encoded: that is how
// Dapr's state stores and events keep bytes.
type Needles struct {
	heads [1 << 18]uint64 // a set of what heads of forms hash to
	forms map[uint64][]form
}

type form struct{ bytes, of string }

// NewNeedles fails for a text that is too short to be looked for.
func NewNeedles(texts ...string) (*Needles, error) {
	n := &Needles{forms: map[uint64][]form{}}
	slices.Sort(texts)
	for _, text := range slices.Compact(texts) {
		if len(text) < minText {
			return nil, fmt.Errorf("a text of %d bytes is not looked for, %d are needed", len(text), minText)
		}
		n.add(text, text)
		for before := range 3 {
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
				all := e.EncodeToString([]byte(strings.Repeat("\x00", before) + text))
				// Six bits a character: those that tell of nothing but the text.
				n.add(all[(before*8+5)/6:(before+len(text))*8/6], text)
			}
		}
	}
	return n, nil
}

func (n *Needles) add(bytes, of string) {
	head := binary.LittleEndian.Uint64([]byte(bytes[:headSize]))
	if one := (form{bytes, of}); !slices.Contains(n.forms[head], one) {
		n.forms[head] = append(n.forms[head], one)
		word, bit := place(head)
		n.heads[word] |= bit
	}
}

func place(head uint64) (word int, bit uint64) {
	h := head * 0x9E3779B97F4A7C15 >> 40
	return int(h >> 6), 1 << (h & 63)
}

// In gives the texts that are in b.
func (n *Needles) In(b []byte) (texts []string) {
	for i := 0; i+headSize <= len(b); i++ {
		head := binary.LittleEndian.Uint64(b[i:])
		if word, bit := place(head); n.heads[word]&bit == 0 {
			continue
		}
		for _, f := range n.forms[head] {
			if len(b)-i >= len(f.bytes) && string(b[i:i+len(f.bytes)]) == f.bytes && !slices.Contains(texts, f.of) {
				texts = append(texts, f.of)
			}
		}
	}
	return texts
}

// Files looks into the bytes of every file below dir, and gives the texts that were found
// by file, and how many bytes were looked at. A file that goes meanwhile is left out.
func (n *Needles) Files(dir string) (hits map[string][]string, size int64, err error) {
	hits = map[string][]string{}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // below the caller's folder
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		size += int64(len(b))
		if texts := n.In(b); len(texts) > 0 {
			hits[path] = texts
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("scan %s: %w", dir, err)
	}
	return hits, size, nil
}
