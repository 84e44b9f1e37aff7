package ndjson

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

type parcel struct {
	Name   string `json:"name"`
	Weight int    `json:"weight"`
}

// depot keeps what it is given, batch by batch.
type depot struct {
	batches [][]string
	failAt  int // the batch, from 1, that cannot be stored
}

var errFull = errors.New("disk full")

func (d *depot) store(_ context.Context, batch []parcel) ([]error, error) {
	if len(d.batches)+1 == d.failAt {
		return nil, errFull
	}
	refused := make([]error, len(batch))
	var names []string
	for i, p := range batch {
		switch names = append(names, p.Name); p.Name {
		case "taken":
			refused[i] = fault.New(fault.Conflict, "taken", "Is taken.").At("/name", "is another's")
		case "odd":
			refused[i] = errors.New("a cause that nobody is shown")
		}
	}
	d.batches = append(d.batches, names)
	return refused, nil
}

func (d *depot) load(body string) (Report, error) {
	return Import[parcel, parcel]{
		Check: func(line []byte) []fault.Field {
			if !json.Valid(line) {
				return []fault.Field{{Name: "", Reason: "is not well-formed JSON"}}
			}
			return nil
		},
		Value:  func(p parcel) parcel { return p },
		Weight: func(p parcel) int { return max(p.Weight, 1) },
		Full:   4,
		Store:  d.store,
	}.Run(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
}

func TestImportReports(t *testing.T) {
	var d depot
	report, err := d.load(strings.Join([]string{
		`{"name":"a"}`, `{"name":"taken"}`, ``, `{`, strings.Repeat("x", MaxLine+1), `{"name":5}`, `{"name":"odd"}`, `{"name":"b"}`,
	}, "\n"))
	require.NoError(t, err)
	got, err := json.Marshal(report)
	require.NoError(t, err)
	require.JSONEq(t, `{"accepted":2,"rejected":5,"errors":[
		{"line":2,"reason":"Is taken.","fields":[{"name":"/name","reason":"is another's"}]},
		{"line":4,"reason":"does not fit the contract","fields":[{"name":"","reason":"is not well-formed JSON"}]},
		{"line":5,"reason":"is longer than 65536 bytes"},
		{"line":6,"reason":"does not fit the contract","fields":[{"name":"","reason":"cannot be taken"}]},
		{"line":7,"reason":"cannot be taken"}]}`, string(got))
}

func TestImportOfNothing(t *testing.T) {
	report, err := new(depot).load("\n")
	require.NoError(t, err)
	got, err := json.Marshal(report)
	require.NoError(t, err)
	require.JSONEq(t, `{"accepted":0,"rejected":0,"errors":[]}`, string(got))
}

func TestImportReportsAThousandErrorsAtMost(t *testing.T) {
	for rejected, truncated := range map[int]bool{MaxErrors: false, MaxErrors + 1: true} {
		report, err := new(depot).load(strings.Repeat("{\n", rejected))
		require.NoError(t, err)
		require.Equal(t, rejected, report.Rejected)
		require.Len(t, report.Errors, MaxErrors)
		require.Equal(t, truncated, report.Truncated)
	}
}

func TestImportFillsBatches(t *testing.T) {
	light, half, heavy := `{"name":"light"}`, `{"name":"half","weight":2}`, `{"name":"heavy","weight":9}`
	tests := []struct {
		name  string
		lines []string
		want  [][]string
	}{
		{"just full", []string{half, half}, [][]string{{"half", "half"}}},
		{"one more", []string{light, light, light, light, light}, [][]string{{"light", "light", "light", "light"}, {"light"}}},
		{"one that does not fit any more", []string{half, light, half}, [][]string{{"half", "light"}, {"half"}}},
		{"one heavier than a batch", []string{light, heavy, light}, [][]string{{"light"}, {"heavy"}, {"light"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d depot
			report, err := d.load(strings.Join(tt.lines, "\n"))
			require.NoError(t, err)
			require.Equal(t, len(tt.lines), report.Accepted)
			d.batches = slices.DeleteFunc(d.batches, func(b []string) bool { return len(b) == 0 })
			require.Equal(t, tt.want, d.batches)
		})
	}
}

// The batches before a failure are kept.
func TestImportThroughAnOutage(t *testing.T) {
	d := depot{failAt: 2}
	_, err := d.load(strings.Repeat(`{"name":"a"}`+"\n", 6))
	require.ErrorIs(t, err, errFull)
	require.Equal(t, [][]string{{"a", "a", "a", "a"}}, d.batches)
}

// While a batch is stored the next one is read, and no more; batches are stored one
// at a time.
func TestImportReadsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		stored, release := 0, make(chan struct{})
		done := make(chan error)
		var report Report
		go func() {
			var err error
			report, err = Import[parcel, parcel]{
				Check: func([]byte) []fault.Field { return nil }, Value: func(p parcel) parcel { return p },
				Weight: func(parcel) int { return 1 }, Full: 1,
				Store: func(_ context.Context, batch []parcel) ([]error, error) {
					<-release
					stored++
					return make([]error, len(batch)), nil
				},
			}.Run(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", in))
			done <- err
		}()
		for range 2 {
			_, err := out.Write([]byte("{\"name\":\"a\"}\n"))
			require.NoError(t, err, "the second line is read before the first is stored")
		}
		synctest.Wait()
		require.Zero(t, stored)
		close(release)
		require.NoError(t, out.Close())
		require.NoError(t, <-done)
		require.Equal(t, 2, report.Accepted)
	})
}

// A panic of a store is its caller's, as if there were no reading ahead.
func TestImportPanics(t *testing.T) {
	require.PanicsWithValue(t, "torn", func() {
		_, _ = Import[parcel, parcel]{
			Check: func([]byte) []fault.Field { return nil }, Value: func(p parcel) parcel { return p },
			Weight: func(parcel) int { return 1 }, Full: 1,
			Store: func(context.Context, []parcel) ([]error, error) { panic("torn") },
		}.Run(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}\n{}\n")))
	})
}
