package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A folder holds so many messages; the oldest go first.
const (
	most    = 5000
	tidyAt  = 250 // messages between two looks at how many there are
	pattern = "*.eml"
)

// folder is where the messages are. Safe for concurrent use.
type folder struct {
	dir  string
	most int

	mu   sync.Mutex
	kept int // since the last look
}

func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the mail: %w", err)
	}
	return &folder{dir: dir, most: most}, nil
}

// keep writes a message, whole or not at all: a reader never sees half of one,
// and what is acknowledged is on disk. The files sort by the time they came.
func (f *folder) keep(message io.Reader) (err error) {
	tmp, err := os.CreateTemp(f.dir, "*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err := io.Copy(tmp, message); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	name := time.Now().UTC().Format("20060102T150405.000000000") + "-" + strings.ToLower(rand.Text()[:8]) + ".eml"
	if err := os.Rename(tmp.Name(), filepath.Join(f.dir, name)); err != nil {
		return err
	}
	return f.tidy()
}

// tidy removes the oldest messages, now and then.
func (f *folder) tidy() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept++; f.kept < tidyAt {
		return nil
	}
	f.kept = 0
	all, err := filepath.Glob(filepath.Join(f.dir, pattern))
	if err != nil {
		return err
	}
	slices.Sort(all)
	for _, old := range all[:max(0, len(all)-f.most)] {
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return nil
}
