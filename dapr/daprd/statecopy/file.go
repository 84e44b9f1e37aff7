package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A file is gzipped lines of JSON: a head, a line for each document, and an end with what
// there must have been. It has all that the app knows of its customers, and is readable by
// its owner only.
type file struct {
	path, app string
	end       line // of the file, once it is open
}

// line is any line of a file: the head has App, the end Hash.
type line struct {
	Version int       `json:"version,omitempty"`
	App     string    `json:"app,omitempty"`
	Began   time.Time `json:"began,omitzero"`

	Key     string    `json:"key,omitempty"`
	Value   []byte    `json:"value,omitempty"`
	Expires time.Time `json:"expires,omitzero"`

	Docs int    `json:"docs,omitempty"`
	Hash string `json:"hash,omitempty"`
}

const fileVersion = 1

// open reads the whole file once: one that was cut off or changed is not restored from.
func (f *file) open(ctx context.Context) error {
	var t tally
	if err := f.each(ctx, func(docs []doc) error {
		for _, d := range docs {
			t.add(d)
		}
		return nil
	}); err != nil {
		return err
	}
	if t.docs != f.end.Docs || t.String() != f.end.Hash {
		return fmt.Errorf("%s is damaged: it has %s, and says %s", f.path, &t, f.end.Hash)
	}
	return nil
}

func (f *file) close() error { return nil }

func (f *file) each(_ context.Context, take func([]doc) error) error {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	plain, err := gzip.NewReader(bufio.NewReader(in))
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	lines := json.NewDecoder(plain)
	var head line
	if err := lines.Decode(&head); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	if head.Version != fileVersion || head.App != f.app {
		return fmt.Errorf("%s is of version %d and the app %q, not of version %d and %q", f.path, head.Version, head.App, fileVersion, f.app)
	}
	docs := make([]doc, 0, batch)
	for {
		var l line
		if err := lines.Decode(&l); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("%s: %w", f.path, err)
		}
		if l.Hash != "" {
			f.end = l
			return take(docs)
		}
		if docs = append(docs, doc{key: l.Key, value: l.Value, expires: l.Expires}); len(docs) == batch {
			if err := take(docs); err != nil {
				return err
			}
			docs = docs[:0]
		}
	}
}

// write saves a store. The file is there under its name once it is whole and on the disk.
func (f *file) write(ctx context.Context, source place) (err error) {
	if _, err := os.Stat(f.path); err == nil {
		return fmt.Errorf("%s is there already", f.path)
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*.part") // for its owner only
	if err != nil {
		return err
	}
	defer func() {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name())
	}()
	packed := gzip.NewWriter(tmp)
	lines := json.NewEncoder(packed)
	if err := lines.Encode(line{Version: fileVersion, App: f.app, Began: time.Now().UTC()}); err != nil {
		return err
	}
	var t tally
	err = source.each(ctx, func(docs []doc) error {
		for _, d := range docs {
			t.add(d)
			if err := lines.Encode(line{Key: d.key, Value: d.value, Expires: d.expires}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(lines.Encode(line{Docs: t.docs, Hash: t.String()}), packed.Close(), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.path)
}
