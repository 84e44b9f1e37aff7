package statestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/moved"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

func movedID(n int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "orders:", n)).String()
}

// movedDoc gives the document of an order, or that it is gone.
func movedDoc(n int, position uint64, customer, createdAt string) intake.Incoming {
	in := intake.Incoming{ID: movedID(n), Source: origin.Source{Key: fmt.Sprint("orders:", n), Position: position}, Deleted: createdAt == ""}
	if !in.Deleted {
		who := ""
		if customer != "" {
			who = fmt.Sprintf(`"customer_id":%q,`, customer)
		}
		eur := func(n int) string { return fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, n) }
		in.Document = json.RawMessage(fmt.Sprintf(`{"number":"OLD-%d",%s"currency":"EUR","status":"confirmed","created_at":%q,"note":"as of %d",
			"lines":[{"sku":"TEA","name":"Tea","quantity":2,"unit_price":%s,"total":%s}],
			"totals":{"goods":%s,"total":%s},"payment":{"method":"invoice","status":"due","paid":%s,"refunded":%s}}`,
			n, who, createdAt, position, eur(50), eur(100), eur(100), eur(100), eur(0), eur(0)))
	}
	return in
}

func syncOver(store state.Store) intake.Kind[moved.Order] {
	return Sync(state.Open(store, nil, slog.New(slog.DiscardHandler)), func([]byte) []fault.Field { return nil })
}

// counted counts the calls to a store, and what is written.
type counted struct {
	state.Store
	gets, commits, ops int
}

func (c *counted) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	c.gets++
	return c.Store.Get(ctx, keys...)
}

func (c *counted) Commit(ctx context.Context, ops ...state.Op) error {
	c.commits++
	c.ops += len(ops)
	return c.Store.Commit(ctx, ops...)
}

// A batch of 200 orders of 50 customers, made on 4 days: 1 bulk get and 1 transaction, with
// 50 lists, 4 pages and 4 days besides the orders and the 2 documents of the index. The orders are not
// read; when they are sent again, they are, and what lists do not change is not written.
func TestCallsOfABatch(t *testing.T) {
	c := &counted{Store: statetest.NewMemory()}
	k := syncOver(c)
	batch := func(position uint64, day string) (docs []intake.Incoming) {
		for n := range 200 {
			at := fmt.Sprintf("2019-%s-%02dT10:00:00Z", day, 1+n/50)
			docs = append(docs, movedDoc(n, position, fmt.Sprintf("0198d2a0-1111-7000-8000-0000000000%02d", n%50), at))
		}
		return docs
	}
	took := func(docs []intake.Incoming) [3]int {
		c.gets, c.commits, c.ops = 0, 0, 0
		results, err := k.Take(t.Context(), "0", docs)
		require.NoError(t, err)
		for _, r := range results {
			require.Equal(t, intake.Stored, r.Outcome)
		}
		return [3]int{c.gets, c.commits, c.ops}
	}
	require.Equal(t, [3]int{1, 1, 200 + 50 + 4 + 4 + 2}, took(batch(1, "04")))
	require.Equal(t, [3]int{2, 1, 200 + 4}, took(batch(2, "04")), "again")
	require.Equal(t, [3]int{3, 1, 200 + 50 + 4 + 4 + 4}, took(batch(3, "05")), "on other days")
	gone := batch(4, "05")
	for i := range gone {
		gone[i].Deleted, gone[i].Document = true, nil
	}
	require.Equal(t, 3, took(gone)[0])
	c.gets = 0
	docs, err := k.Read(t.Context(), []string{movedID(1), movedID(2)})
	require.NoError(t, err)
	require.Empty(t, docs)
	require.Equal(t, 1, c.gets)
}

// flaky is a store that keeps halves, whose writes are sometimes lost, one by one.
type flaky struct {
	state.Store
	mu   sync.Mutex
	rand *rand.Rand
	odds int // of so many writes 3 are lost
	calm bool
}

func (f *flaky) lost() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch n := f.rand.IntN(f.odds); {
	case f.calm || n > 2:
		return nil
	case n == 0:
		return errors.New("the store is away")
	default:
		return statetest.ErrConflict
	}
}

func (f *flaky) Commit(ctx context.Context, ops ...state.Op) error {
	var errs []error
	for _, op := range ops {
		if err := f.lost(); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, f.Store.Commit(ctx, op))
	}
	return errors.Join(errs...)
}

// Whatever is sent and changed over a store that loses writes one by one: once the newest
// of each was sent again, each order is once in the history and in its customer's list,
// and nowhere else.
func TestListsHealOnARepeat(t *testing.T) {
	customers := []string{"", "0198d2a0-1111-7000-8000-000000000001", "0198d2a0-1111-7000-8000-000000000002"}
	days := []string{"2019-04-01T10:00:00Z", "2019-04-02T10:00:00Z", "2019-04-02T11:00:00.5Z", ""}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		store := &flaky{Store: statetest.NewMemory(), rand: r, odds: 20}
		k := syncOver(store)
		db := state.Open(store, nil, slog.New(slog.DiscardHandler))
		kept, rows := NewOrders(db), NewHistory(db)
		newest := map[int]intake.Incoming{}
		position := uint64(0)
		var changed []string
		for range 40 {
			n := r.IntN(6)
			switch r.IntN(3) {
			case 0:
				_, err := kept.Update(t.Context(), movedID(n), func(o *order.Order) error { return o.Ship("ES", 0, time.Now()) })
				_ = err // it may be gone, or the write lost
				changed = append(changed, movedID(n))
			case 1:
				_ = rows.Keep(t.Context(), changed) // said again below
			default:
				position++
				newest[n] = movedDoc(n, position, customers[r.IntN(3)], days[r.IntN(4)])
				_, err := k.Take(t.Context(), "0", []intake.Incoming{newest[n]})
				_ = err // sent again below
			}
		}
		store.calm = true
		for range 2 { // the migration sends until all is stored, and once more where it is not sure
			for _, d := range newest {
				results, err := k.Take(t.Context(), "0", []intake.Incoming{d})
				require.NoError(t, err)
				require.Equal(t, intake.Stored, results[0].Outcome)
			}
			require.NoError(t, rows.Keep(t.Context(), changed))
		}
		requireLists(t, rows, newest, customers, fmt.Sprint("seed ", seed))
	}
}

// Batches in which nothing is read that is new, each sent until it is answered, over a store that
// loses writes one by one and keeps the rest: in the end each order is as the newest state has it,
// and listed once and nowhere else, though an older state comes after a newer one.
func TestListsHealWhatWasPresumed(t *testing.T) {
	customers := []string{"", "0198d2a0-1111-7000-8000-000000000001", "0198d2a0-1111-7000-8000-000000000002"}
	days := []string{"2019-04-01T10:00:00Z", "2019-04-02T10:00:00Z", "2019-04-02T11:00:00.5Z", ""}
	const orders = 25
	var stale atomic.Int64
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		store := &flaky{Store: statetest.NewMemory(), rand: r, odds: 300}
		newest := map[int]intake.Incoming{}
		type batch struct {
			part string
			docs []intake.Incoming
		}
		var unanswered []batch
		for position := range uint64(8) {
			b := batch{part: fmt.Sprint(r.IntN(2))}
			for n := range orders {
				if d := movedDoc(n, position+1, customers[r.IntN(3)], days[r.IntN(4)]); r.IntN(3) > 0 || position == 0 {
					d.Part = fmt.Sprint(n % 2)
					b.docs, newest[n] = append(b.docs, d), d
				} else {
					b.docs = append(b.docs, newest[n])
				}
			}
			unanswered = append(unanswered, b)
		}
		r.Shuffle(len(unanswered), func(i, j int) { unanswered[i], unanswered[j] = unanswered[j], unanswered[i] })
		for tries := 0; len(unanswered) > 0; tries++ {
			store.calm = tries > 20
			var wg sync.WaitGroup
			answered := make([]bool, min(2, len(unanswered)))
			for n := range answered { // by two replicas
				wg.Go(func() {
					results, err := syncOver(store).Take(context.Background(), unanswered[n].part, unanswered[n].docs)
					answered[n] = err == nil
					for _, is := range results {
						if is.Outcome == intake.Stale {
							stale.Add(1)
						}
					}
				})
			}
			wg.Wait()
			for n, is := range slices.Backward(answered) {
				if is {
					unanswered = slices.Delete(unanswered, n, n+1)
				}
			}
		}
		db := state.Open(store, nil, slog.New(slog.DiscardHandler))
		requireLists(t, NewHistory(db), newest, customers, fmt.Sprint("seed ", seed))
	}
	require.Positive(t, stale.Load())
}

// An order whose row was lost is moved to another day, while an older state of it has the row written
// again: on a store that keeps halves the row lands where the order is no more, and goes.
func TestARowThatComesAfterItsOrder(t *testing.T) {
	const was = "2019-04-02:m-0"
	store := statetest.NewMemory()
	store.KeepsHalves = true
	k := syncOver(store)
	take := func(position uint64, at string, want intake.Outcome) {
		results, err := syncOver(store).Take(context.Background(), "0", []intake.Incoming{movedDoc(1, position, "", at)})
		if err != nil || results[0].Outcome != want {
			t.Errorf("%v, %+v", err, results)
		}
	}
	lose := func() {
		require.NoError(t, k.DB.Update(t.Context(), func(tx *state.Tx) error { return historyPageDocs.Put(tx, was, historyPage{}) }))
	}
	take(2, "2019-04-02T10:00:00Z", intake.Stored)
	lose()
	read, resume, done := make(chan bool), make(chan bool), make(chan bool)
	store.BeforeCommit = func([]state.Op) error { // the newer state has been read for, and then the page is another one
		store.BeforeCommit = nil
		lose()
		store.BeforeCommit = func(ops []state.Op) error {
			if !slices.ContainsFunc(ops, func(op state.Op) bool { return strings.Contains(op.Key, "2019-04-03") }) {
				read <- true // the older state, which is stored last
				<-resume
			}
			return nil
		}
		go func() {
			take(1, "2019-04-01T10:00:00Z", intake.Stale)
			close(done)
		}()
		<-read
		return nil
	}
	take(3, "2019-04-03T10:00:00Z", intake.Stored)
	store.BeforeCommit = nil
	close(resume)
	<-done
	require.NoError(t, k.DB.View(t.Context(), func(tx *state.Tx) error {
		p, _, err := historyPageDocs.Get(tx, was)
		require.Empty(t, p.Rows)
		return err
	}))
}

func requireLists(t *testing.T, s *History, newest map[int]intake.Incoming, customers []string, what string) {
	t.Helper()
	want, owned := []history.Row{}, map[string][]string{}
	for n, in := range newest {
		o, err := s.Get(t.Context(), movedID(n))
		if in.Deleted {
			require.ErrorIs(t, err, order.ErrMissing, what)
			continue
		}
		require.NoError(t, err, what)
		require.Contains(t, string(in.Document), o.Note)
		want = append(want, history.RowOf(o))
		owned[o.Owner.UserID()] = append(owned[o.Owner.UserID()], o.ID)
	}
	got := []history.Row{}
	require.NoError(t, s.Days(t.Context(), []string{"2019-04-01", "2019-04-02"}, func(_ string, rows []history.Row) bool {
		got = append(got, rows...)
		return true
	}))
	byID := func(a, b history.Row) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(want, byID)
	slices.SortFunc(got, byID)
	require.Equal(t, len(want), len(got), what)
	for i := range want {
		require.JSONEq(t, encoded(t, want[i]), encoded(t, got[i]), what)
	}
	for _, c := range customers[1:] {
		list, next, err := s.Owned(t.Context(), shopper.User(c), func(*order.Order) bool { return true }, "", 100)
		require.NoError(t, err)
		require.Empty(t, next)
		ids := []string{}
		for i, o := range list {
			ids = append(ids, o.ID)
			if i > 0 {
				require.False(t, list[i-1].CreatedAt.Before(o.CreatedAt), what)
			}
		}
		require.ElementsMatch(t, owned[c], ids, what)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// Documents that come while the same orders are changed here, on a store that keeps halves
// and on one that does not: every order ends as one or the other wrote it last, and is
// listed as it is.
func TestMovedWhileChangedHere(t *testing.T) {
	for _, halves := range []bool{false, true} {
		memory := statetest.NewMemory()
		memory.KeepsHalves = halves
		customer := "0198d2a0-1111-7000-8000-000000000001"
		newest := map[int]intake.Incoming{}
		var wg sync.WaitGroup
		for n := range 4 {
			newest[n] = movedDoc(n, 20, customer, "2019-04-02T10:00:00Z")
			wg.Go(func() { // each has its part, as in the migration
				k := syncOver(memory)
				k.Presume = 1 + n%2*20
				for position := range uint64(20) {
					_, err := k.Take(t.Context(), fmt.Sprint(n), []intake.Incoming{movedDoc(n, position+1, customer, []string{"2019-04-01T10:00:00Z", "2019-04-02T10:00:00Z"}[position%2])})
					if err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				rows := NewHistory(state.Open(memory, nil, slog.New(slog.DiscardHandler)))
				for i := range 20 {
					_, err := rows.Update(t.Context(), movedID(n), func(o *order.Order) error {
						o.NoteReturn(order.Return{ID: "r", Version: int64(i + 1)})
						return nil
					})
					if err == nil {
						err = rows.Keep(t.Context(), []string{movedID(n)})
					}
					if err != nil && !errors.Is(err, order.ErrMissing) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		rows := NewHistory(state.Open(memory, nil, slog.New(slog.DiscardHandler)))
		require.NoError(t, rows.Keep(t.Context(), []string{movedID(0), movedID(1), movedID(2), movedID(3)}))
		requireLists(t, rows, newest, []string{"", customer}, fmt.Sprint("halves: ", halves))
		for n := range 4 {
			o, err := rows.Get(t.Context(), movedID(n))
			require.NoError(t, err)
			require.EqualValues(t, 20, o.Origin.Position)
		}
	}
}

// Batches that are sent at the same time, of orders of the same customers, do not make each
// other begin anew.
func TestBatchesDoNotHoldEachOtherUp(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	k := Sync(db, func([]byte) []fault.Field { return nil })
	var wg sync.WaitGroup
	for batch := range 8 {
		wg.Go(func() {
			var docs []intake.Incoming
			for n := range 40 {
				customer := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)).String()
				docs = append(docs, movedDoc(100*batch+n, 1, customer, "2019-05-01T10:00:00Z"))
			}
			results, err := k.Take(context.Background(), fmt.Sprint(batch), docs)
			if err != nil || results[0].Outcome != intake.Stored {
				t.Errorf("%v %+v", err, results)
			}
		})
	}
	wg.Wait()
	require.Zero(t, db.Conflicts())
}
