// Package ndjson takes in streams of JSON documents, one a line: it reads them
// line by line, gathers them into batches to store, and reports which lines
// were refused and why. A bad line never costs the good ones.
package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"net/http"

	"tienda/internal/fault"
)

// MaxLine is the longest line that is taken, in bytes without its end.
const MaxLine = 64 << 10

// Line is a line that is not blank.
type Line struct {
	Number  int    // from 1, blank lines counted
	Text    []byte // trimmed; valid until the next line; nil if TooLong
	TooLong bool   // over MaxLine, and skipped
	Bad     string // why it could not be read; "": it could
}

// Lines gives the lines of a stream without holding more than one of them. It
// ends with the first read that fails: a *http.MaxBytesError as it is, since
// the router knows it, anything else as a fault.Invalid.
func Lines(body io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := bufio.NewReaderSize(body, MaxLine+2) // a line and its end
		for number := 1; ; number++ {
			text, err := in.ReadSlice('\n')
			tooLong := errors.Is(err, bufio.ErrBufferFull)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			last := errors.Is(err, io.EOF)
			if err != nil && !last {
				yield(Line{}, unreadable(err))
				return
			}
			line := Line{Number: number, Text: bytes.TrimSpace(text)}
			if tooLong || len(line.Text) > MaxLine {
				line.Text, line.TooLong = nil, true
			}
			blank := len(line.Text) == 0 && !line.TooLong
			if !blank && !yield(line, nil) || last {
				return
			}
		}
	}
}

func unreadable(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return err
	}
	return fault.BadField("", "the body could not be read").Because(err)
}
