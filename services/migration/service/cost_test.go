package service_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/sidecar"
	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
	"tienda/services/migration/internal/clients"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/source"
	"tienda/services/migration/service"
)

// BenchmarkCopy tells what a document costs the migration, in µs of CPU: to read its rows,
// to make it of them, and to hand it on. What the database, the sidecar and the owner do
// is not in it. It needs PROFILES=postgres.
func BenchmarkCopy(b *testing.B) {
	localtest.Needs(b)
	d := localtest.Open(b)
	_, err := generator.Fill(b.Context(), localtest.Connect(b, d.OwnerDSN), generator.Options{Size: 500, Seed: 1})
	require.NoError(b, err)
	m, _, err := service.LoadMapping("monolith")
	require.NoError(b, err)
	m.Seal([]byte("a key"))
	s, err := postgres.Open(b.Context(), postgres.Config{DSN: d.MigrationDSN, Slot: "cost", Publication: schema.Publication})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	snap, err := s.Now(b.Context())
	require.NoError(b, err)
	b.Cleanup(snap.Close)
	for _, k := range m.Kinds() {
		records := recordsOf(b, snap, k)
		docs := documentsOf(b, k, records)
		b.Run("read/"+k.Name, func(b *testing.B) { perDocument(b, len(docs), func() { recordsOf(b, snap, k) }) })
		b.Run("make/"+k.Name, func(b *testing.B) { perDocument(b, len(docs), func() { documentsOf(b, k, records) }) })
		to := clients.NewOwners(sidecar.Over(owner{}, nil))
		b.Run("send/"+k.Name, func(b *testing.B) {
			perDocument(b, len(docs), func() {
				for n := 0; n < len(docs); n += move.MaxBatch {
					_, err := to.Take(b.Context(), sent{k}, docs[n:min(n+move.MaxBatch, len(docs))])
					require.NoError(b, err)
				}
			})
		})
	}
}

// perDocument reports the CPU time of the process for each of so many documents.
func perDocument(b *testing.B, documents int, do func()) {
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N*documents), "µs/doc")
	b.ReportMetric(float64(documents), "docs")
}

// cpu is what the process has used, in µs.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return (u.Utime.Sec+u.Stime.Sec)*1e6 + u.Utime.Usec + u.Stime.Usec
}

func recordsOf(b *testing.B, snap source.Snapshot, k *mapping.Kind) (all []source.Record) {
	q := k.Query()
	for after := []any(nil); ; {
		records, err := snap.Chunk(b.Context(), q, after, nil, 1000)
		require.NoError(b, err)
		if all = append(all, records...); len(records) < 1000 {
			return all
		}
		after = nil
		for _, c := range q.Key {
			after = append(after, records[len(records)-1].Row[c])
		}
	}
}

func documentsOf(b *testing.B, k *mapping.Kind, records []source.Record) []move.Sent {
	docs := make([]move.Sent, len(records))
	for i, r := range records {
		d, err := k.Make(r)
		require.NoError(b, err)
		docs[i] = move.Sent{ID: d.ID, Part: d.Part, Key: d.Key, Position: 1, JSON: d.JSON}
	}
	return docs
}

// sent is a kind as what sends its documents needs it.
type sent struct{ of *mapping.Kind }

func (k sent) Name() string                                           { return k.of.Name }
func (k sent) Kind() string                                           { return k.of.Kind }
func (k sent) App() string                                            { return mapping.Owners()[k.of.Kind] }
func (k sent) Query() source.Query                                    { return k.of.Query() }
func (k sent) Document(source.Record) (move.Document, error)          { panic("it is made already") }
func (k sent) Identity([]any) move.Identity                           { panic("it is known already") }
func (k sent) KeyOf(string) ([]any, bool)                             { return nil, false }
func (k sent) OnlyHere(string, json.RawMessage, json.RawMessage) bool { return false }
func (k sent) Refused(json.RawMessage) *move.Unmappable               { return nil }
func (k sent) Shown(source.Row) map[string]string                     { return nil }

// owner takes whatever comes.
type owner struct{}

var ids = []byte(`{"id":"`)

func (owner) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(`{"results":[`)
	for n, after := range bytes.Split(body, ids)[1:] {
		if n > 0 {
			out.WriteByte(',')
		}
		out.Write(ids)
		out.Write(after[:36])
		out.WriteString(`","outcome":"stored"}`)
	}
	out.WriteString("]}")
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(&out), Request: r}, nil
}
