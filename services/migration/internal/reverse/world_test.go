package reverse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/mappings"
	"tienda/services/migration/service"
)

// owners are the services, with all their documents.
type owners struct {
	mu   sync.Mutex
	docs map[string]map[string]reverse.Held // by kind and ID
	read func(kind, id string)              // before a document is read
}

func (o *owners) Document(_ context.Context, kind, id string) (reverse.Held, bool, error) {
	if o.read != nil {
		o.read(kind, id)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	h, ok := o.docs[kind][id]
	return h, ok, nil
}

func (o *owners) put(t *testing.T, kind, id, sourceKey string, doc any) {
	t.Helper()
	raw, err := json.Marshal(doc)
	require.NoError(t, err)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.docs[kind] == nil {
		o.docs[kind] = map[string]reverse.Held{}
	}
	o.docs[kind][id] = reverse.Held{Source: sourceKey, JSON: raw}
}

func (o *owners) drop(kind, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.docs[kind], id)
}

func (o *owners) ids(kind string) []string { return slices.Sorted(maps.Keys(o.docs[kind])) }

// world is the sample monolith, whose documents are all in the shop.
type world struct {
	t       *testing.T
	conn    *pgx.Conn // of the tables' owner
	mapping *mapping.Mapping
	schemas mapping.Contracts
	source  *postgres.Source
	store   *postgres.Writer
	owners  *owners
	writer  *reverse.Writer
	charge  map[string]bool // kinds that the monolith is in charge of
}

func open(t *testing.T, size int) *world {
	t.Helper()
	db := localtest.Open(t)
	w := &world{t: t, conn: localtest.Connect(t, db.OwnerDSN), owners: &owners{docs: map[string]map[string]reverse.Held{}}, charge: map[string]bool{}}
	_, err := generator.Fill(t.Context(), w.conn, generator.Options{Size: size, Seed: 7})
	require.NoError(t, err)
	w.mapping, err = mappings.Load("monolith")
	require.NoError(t, err)
	w.schemas, err = service.Contracts()
	require.NoError(t, err)
	require.NoError(t, w.mapping.Use(w.schemas))
	w.mapping.Seal([]byte("a key"))
	w.source, err = postgres.Open(t.Context(), postgres.Config{DSN: db.MigrationDSN, Slot: "none", Publication: schema.Publication})
	require.NoError(t, err)
	t.Cleanup(w.source.Close)
	w.store, err = postgres.OpenWriter(t.Context(), db.ReverseDSN, "", 4)
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	w.writer = w.over(w.store)
	for _, k := range w.mapping.Kinds() {
		require.NoError(t, w.store.Keys(t.Context(), k.Query(), func(key []any) bool {
			is, err := k.Identity(key)
			require.NoError(t, err)
			doc, ok := w.forward(k, key)
			require.True(t, ok)
			w.owners.put(t, k.Kind, is.ID, is.Key, doc)
			return true
		}))
	}
	return w
}

// over gives a writer over a store.
func (w *world) over(s reverse.Store) *reverse.Writer {
	inCharge := func(_ context.Context, kind string) (bool, error) { return !w.charge[kind], nil }
	return reverse.New(w.mapping, s, w.owners, inCharge)
}

// forward maps a row as the move does; not ok: it is not there.
func (w *world) forward(k *mapping.Kind, key []any) (json.RawMessage, bool) {
	w.t.Helper()
	found, _, err := w.source.Read(w.t.Context(), k.Query(), [][]any{key})
	require.NoError(w.t, err)
	if len(found) == 0 {
		return nil, false
	}
	doc, err := k.Document(found[0])
	require.NoError(w.t, err, doc.Key)
	return doc.Held, true
}

// kind gives an entry of the mapping.
func (w *world) kind(name string) *mapping.Kind {
	i := slices.IndexFunc(w.mapping.Kinds(), func(k *mapping.Kind) bool { return k.Name == name })
	return w.mapping.Kinds()[i]
}

// row gives where a document is in the monolith.
func (w *world) row(kind, id string) (k *mapping.Kind, key []any) {
	w.t.Helper()
	var name string
	var raw []byte
	require.NoError(w.t, w.conn.QueryRow(w.t.Context(), "SELECT name, key FROM tienda_reverse WHERE kind = $1 AND id = $2", kind, id).Scan(&name, &raw))
	parsed, ok := w.mapping.KeyOf(name + ":" + string(raw[1:len(raw)-1]))
	require.True(w.t, ok)
	return w.kind(name), parsed.Values
}

// back asks that a document comes back from its row as its owner has it, but for what is
// lost by name.
func (w *world) back(kind, id string) {
	w.t.Helper()
	k, key := w.row(kind, id)
	doc, ok := w.forward(k, key)
	require.True(w.t, ok, "%s %s has no row", k.Name, id)
	is, err := k.Identity(key)
	require.NoError(w.t, err)
	require.Equal(w.t, id, is.ID)
	w.owners.mu.Lock()
	held := w.owners.docs[kind][id]
	w.owners.mu.Unlock()
	want, err := k.Reverse().Kept(held.JSON)
	require.NoError(w.t, err)
	got, err := k.Reverse().Kept(doc)
	require.NoError(w.t, err)
	require.Equal(w.t, string(want), string(got), "%s %v", k.Name, key)
}

func (w *world) apply(kind, id string, version int64) {
	w.t.Helper()
	require.NoError(w.t, w.writer.Apply(w.t.Context(), reverse.Change{Kind: kind, ID: id, Version: version}))
}

// document gives one as a map that may be changed.
func (w *world) document(kind, id string) (doc map[string]any, sourceKey string) {
	w.t.Helper()
	held, ok, err := w.owners.Document(w.t.Context(), kind, id)
	require.NoError(w.t, err)
	require.True(w.t, ok)
	require.NoError(w.t, json.Unmarshal(held.JSON, &doc))
	return doc, held.Source
}

func (w *world) count(table string) (n int) {
	w.t.Helper()
	require.NoError(w.t, w.conn.QueryRow(w.t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// money is an amount of EUR.
func money(cents int64) map[string]any { return map[string]any{"amount": cents, "currency": "EUR"} }

var kinds = []string{"categories", "products", "stock", "users", "orders", "tickets", "returns"}

// fits holds a document to the contract: what the tests make is what an owner may have.
func (w *world) fits(kind string, doc map[string]any) {
	w.t.Helper()
	doc = maps.Clone(doc)
	delete(doc, "password_digest") // which an owner has without the hash
	s, err := w.schemas(kind)
	require.NoError(w.t, err)
	raw, err := json.Marshal(doc)
	require.NoError(w.t, err)
	require.Empty(w.t, s.Check(raw), fmt.Sprintf("%s %s", kind, raw))
}

// again gives the same world to a process that knows nothing of it.
func (w *world) again() *world {
	w.t.Helper()
	other := *w
	var err error
	other.mapping, err = mappings.Load("monolith")
	require.NoError(w.t, err)
	require.NoError(w.t, other.mapping.Use(w.schemas))
	other.writer = other.over(w.store)
	return &other
}
