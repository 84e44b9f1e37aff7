// Package ui is what the runner shows: log lines with the name of their app in
// front, one-line remarks, and the table of the running shop.
package ui

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

const nameWidth = 11

// colours are the ANSI codes that names get in turn.
var colours = []int{36, 32, 33, 35, 34, 96, 92, 93, 95, 94}

// Screen is where the lines of all processes come together, whole lines only.
type Screen struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
	quiet  bool
	names  map[string]int
}

// NewScreen gives a screen on out; quiet keeps the processes' lines off it.
// Colours are used on a terminal, unless NO_COLOR is set.
func NewScreen(out io.Writer, quiet bool, getenv func(string) string) *Screen {
	return &Screen{out: out, quiet: quiet, colour: getenv("NO_COLOR") == "" && terminal(out), names: map[string]int{}}
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Say prints a line of the runner itself, also when quiet.
func (s *Screen) Say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// Lines gives a writer whose lines go to the file as they are and to the screen
// behind the name, after edit, which may drop a line, had its way; nil edits
// nothing. It may be written from several goroutines.
func (s *Screen) Lines(name string, file io.Writer, edit func([]byte) ([]byte, bool)) *Lines {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[name]; !known {
		s.names[name] = colours[len(s.names)%len(colours)]
	}
	return &Lines{screen: s, name: name, file: file, edit: edit}
}

func (s *Screen) line(name string, text []byte) {
	if s.quiet {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.colour {
		_, _ = fmt.Fprintf(s.out, "\x1b[%dm%-*s |\x1b[0m %s\n", s.names[name], nameWidth, name, text)
		return
	}
	_, _ = fmt.Fprintf(s.out, "%-*s | %s\n", nameWidth, name, text)
}

// longest is the longest line that is held back to be shown whole, in bytes.
const longest = 64 << 10

// Lines is the output of one process.
type Lines struct {
	screen *Screen
	name   string
	file   io.Writer
	edit   func([]byte) ([]byte, bool)

	mu   sync.Mutex
	rest []byte
	last string
}

// Write takes any part of the output. Errors of the screen or the file must not
// end the process that writes, so there are none.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_, _ = l.file.Write(p)
	}
	if l.screen.quiet {
		l.remember(p)
		return len(p), nil
	}
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			break
		}
		l.show(l.rest[:i])
		l.rest = l.rest[i+1:]
	}
	if len(l.rest) > longest {
		l.show(l.rest)
		l.rest = nil
	}
	return len(p), nil
}

// remember keeps the last lines of what nobody sees, for Last: to take every line
// of a busy app apart would cost a third of what the app itself does.
func (l *Lines) remember(p []byte) {
	l.rest = append(l.rest, p[max(0, len(p)-longest):]...)
	l.rest = slices.Delete(l.rest, 0, max(0, len(l.rest)-longest))
}

func (l *Lines) show(text []byte) {
	if text, keep := l.edited(text); keep {
		l.last = string(text)
		l.screen.line(l.name, text)
	}
}

func (l *Lines) edited(text []byte) ([]byte, bool) {
	text = bytes.TrimRight(text, "\r")
	if len(text) == 0 {
		return nil, false
	}
	if l.edit == nil {
		return text, true
	}
	return l.edit(text)
}

// Last is the last line, for telling why a process ended.
func (l *Lines) Last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.screen.quiet {
		for _, text := range slices.Backward(bytes.Split(l.rest, []byte("\n"))) {
			if text, keep := l.edited(text); keep {
				return string(text)
			}
		}
	}
	return l.last
}
