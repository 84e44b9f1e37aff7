package ndjson

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestLines(t *testing.T) {
	just, over := strings.Repeat("x", MaxLine), strings.Repeat("x", MaxLine+1)
	tests := []struct {
		name, body string
		want       []string // number and length
	}{
		{"nothing", "", nil},
		{"only blank lines", "\n \n\t\r\n", nil},
		{"with its end", "a\n", []string{"1 1"}},
		{"without its end", "a\nbc", []string{"1 1", "2 2"}},
		{"blank lines are counted", "\na\n\n\nb\n", []string{"2 1", "5 1"}},
		{"space around", "  a \r\n\tb", []string{"1 1", "2 1"}},
		{"just as long as may be", just + "\r\n" + just, []string{"1 65536", "2 65536"}},
		{"a byte too long", over + "\na\n" + over, []string{"1 too long", "2 1", "3 too long"}},
		{"far too long", over + over + over + "\na\n" + over + over, []string{"1 too long", "2 1", "3 too long"}},
	}
	for _, tt := range tests {
		for name, body := range map[string]io.Reader{
			"whole": strings.NewReader(tt.body), "in halves": iotest.HalfReader(strings.NewReader(tt.body)),
		} {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				var got []string
				for line, err := range Lines(body) {
					require.NoError(t, err)
					if line.TooLong {
						require.Nil(t, line.Text)
						got = append(got, fmt.Sprintf("%d too long", line.Number))
						continue
					}
					got = append(got, fmt.Sprintf("%d %d", line.Number, len(line.Text)))
				}
				require.Equal(t, tt.want, got)
			})
		}
	}
}

// A line is handed over before the next is there.
func TestLinesStream(t *testing.T) {
	in, out := io.Pipe()
	got := make(chan string)
	go func() {
		defer close(got)
		for line := range Lines(in) {
			got <- string(line.Text)
		}
	}()
	for _, want := range []string{"a", "b"} {
		_, err := io.WriteString(out, want+"\n")
		require.NoError(t, err)
		require.Equal(t, want, <-got)
	}
	require.NoError(t, out.Close())
	_, more := <-got
	require.False(t, more)
}

func TestLinesThatCannotBeRead(t *testing.T) {
	cut := errors.New("connection reset")
	tests := []struct {
		name   string
		body   io.Reader
		lines  int
		tooBig bool
	}{
		{"cut off", io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(cut)), 1, false},
		{"cut off in what is skipped", io.MultiReader(strings.NewReader(strings.Repeat("x", 2*MaxLine)), iotest.ErrReader(cut)), 0, false},
		{"over the limit", http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader("a\nb\nc\n")), 3), 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := 0
			var failed error
			for _, err := range Lines(tt.body) {
				if failed = err; err == nil {
					lines++
				}
			}
			require.Equal(t, tt.lines, lines)
			var big *http.MaxBytesError
			require.Equal(t, tt.tooBig, errors.As(failed, &big))
			if !tt.tooBig {
				require.Equal(t, fault.Invalid, fault.KindOf(failed))
				require.ErrorIs(t, failed, cut)
			}
		})
	}
}

func TestLinesStopWhenToldTo(t *testing.T) {
	n := 0
	for range Lines(strings.NewReader("a\nb\nc")) {
		if n++; n == 2 {
			break
		}
	}
	require.Equal(t, 2, n)
}
