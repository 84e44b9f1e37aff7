package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // reads the services' files as they are

	"tienda/internal/state"
	"tienda/tests/shop"
	"tienda/tests/tap"
)

// A bare write has as many documents as the migration sends at once.
const (
	movedBatch  = 200
	floorRounds = 3
)

// Floor is how fast documents were written to a bare sidecar.
type Floor struct {
	Documents int     `json:"documents"` // that were written
	Bytes     int     `json:"bytes"`     // of a document, on average
	PerSecond float64 `json:"per_second"`
	Moved     float64 `json:"moved_per_second"` // documents that are moved, a second
	Ratio     float64 `json:"ratio"`            // what the move has of that
	Rows      float64 `json:"rows_ratio"`       // rows that the move reads, for each of them
	Sidecar   float64 `json:"sidecar_cpu_s"`

	kinds map[string]float64 // PerSecond, by kind
}

func (f Floor) String() string {
	return fmt.Sprintf("%d documents of %d bytes, %.0f/s: %.0f moved/s, of which the move has %.2f, and %.2f rows for each; %.1f s of the sidecar's CPU",
		f.Documents, f.Bytes, f.PerSecond, f.Moved, f.Ratio, f.Rows, f.Sidecar)
}

// write writes a batch.
type write func(ctx context.Context, ops []state.Op) error

// bare is a sidecar without an app.
type bare struct {
	side  *shop.Sidecar
	store state.Store
}

const bareStore = "orders-state"

// saves writes a batch as a bulk write.
func (b bare) saves() write {
	return func(ctx context.Context, ops []state.Op) error {
		items := make([]*dapr.SetStateItem, len(ops))
		for i, op := range ops {
			items[i] = &dapr.SetStateItem{Key: op.Key, Value: op.Value, Options: &dapr.StateOptions{}}
		}
		return b.side.SaveBulkState(ctx, bareStore, items...)
	}
}

// transacts writes a batch as a transaction.
func (b bare) transacts() write {
	return func(ctx context.Context, ops []state.Op) error { return b.store.Commit(ctx, ops...) }
}

// loop writes all, so many batches at a time, and says how long it took.
func (b bare) loop(ctx context.Context, ops []state.Op, batch, workers int, w write) (time.Duration, error) {
	batches := make(chan []state.Op)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range workers {
		wg.Go(func() {
			for ops := range batches {
				errs[i] = cmp.Or(errs[i], w(ctx, ops))
			}
		})
	}
	for ops := range slices.Chunk(ops, batch) {
		batches <- ops
	}
	close(batches)
	wg.Wait()
	return time.Since(began), cmp.Or(errs...)
}

// floors writes to bare sidecars, some rounds of each: what was sent, by bulk writes and by
// transactions, and what is kept of it.
func (v *moving) floors(ctx context.Context, sent map[string][]json.RawMessage, kept []state.Op, dir string) error {
	fmt.Println("== the bare sidecar")
	total := 0
	for _, docs := range sent {
		total += len(docs)
	}
	byKind := func(round int) (parts []part) {
		for _, o := range owners {
			parts = append(parts, part{o.kind, sentOps(fmt.Sprintf("%d:%s", round, o.kind), sent[o.kind])})
		}
		return parts
	}
	whole := func(round int) []part {
		ops := slices.Clone(kept)
		for i := range ops {
			ops[i].Key = fmt.Sprintf("%d:%s", round, ops[i].Key)
		}
		return []part{{"", ops}}
	}
	for _, f := range []struct {
		to      *Floor
		name    string
		parts   func(round int) []part
		batch   int
		workers int
		write   func(bare) write
	}{
		{&v.Floor, "bulk", byKind, movedBatch, 1, bare.saves},
		{&v.FloorAtOnce, "bulk at once", byKind, movedBatch, moveWorkers, bare.saves},
		{&v.FloorTx, "transactions at once", byKind, movedBatch, moveWorkers, bare.transacts},
		{&v.Kept, "kept at once", whole, max(1, movedBatch*len(kept)/max(total, 1)), moveWorkers, bare.transacts},
	} {
		err := onBare(ctx, v.Profile, filepath.Join(dir, strings.ReplaceAll(f.name, " ", "-")), func(b bare) (err error) {
			*f.to, err = b.rounds(ctx, f.parts, f.batch, f.workers, f.write(b))
			return err
		})
		if err != nil {
			return fmt.Errorf("floor of %s: %w", f.name, err)
		}
		f.to.Moved = float64(total) / (float64(f.to.Documents) / f.to.PerSecond)
		f.to.Ratio, f.to.Rows = v.PerSecond/f.to.Moved, v.RowsPerSecond/f.to.Moved
		fmt.Printf("   %s: %s\n", f.name, f.to)
	}
	for i := range v.Kinds {
		k := &v.Kinds[i]
		kind := k.Kind
		if kind == "customers" || kind == "staff" {
			kind = "users"
		}
		k.Floor = v.Floor.kinds[kind]
	}
	return nil
}

// part is what is written before the next one is begun.
type part struct {
	kind string
	ops  []state.Op
}

// rounds writes the parts some times over, under other keys each time. The median of the
// rounds counts: the pace of a machine wanders.
func (b bare) rounds(ctx context.Context, parts func(round int) []part, batch, workers int, w write) (Floor, error) {
	f := Floor{kinds: map[string]float64{}}
	var totals []float64
	seconds, cpu := map[string][]float64{}, processSeconds(b.side.PID())
	for round := range floorRounds {
		total, size := 0.0, 0
		f.Documents = 0
		for _, p := range parts(round) {
			took, err := b.loop(ctx, p.ops, batch, workers, w)
			if err != nil {
				return f, err
			}
			total += took.Seconds()
			seconds[p.kind] = append(seconds[p.kind], took.Seconds())
			f.Documents += len(p.ops)
			for _, op := range p.ops {
				size += len(op.Value)
			}
			if err := b.there(ctx, p.ops); err != nil {
				return f, err
			}
			f.kinds[p.kind] = float64(len(p.ops)) / middle(seconds[p.kind])
		}
		totals = append(totals, total)
		f.Bytes = size / max(f.Documents, 1)
	}
	f.Sidecar = (processSeconds(b.side.PID()) - cpu) / floorRounds
	f.PerSecond = float64(f.Documents) / middle(totals)
	return f, nil
}

// there makes sure that what was written last is there.
func (b bare) there(ctx context.Context, ops []state.Op) error {
	if len(ops) == 0 {
		return nil
	}
	last := ops[len(ops)-1]
	found, err := b.store.Get(ctx, last.Key)
	if err == nil && len(found[0].Value) == 0 {
		err = fmt.Errorf("%s was written and is not there", last.Key)
	}
	return err
}

// middle gives the median.
func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func sentOps(prefix string, docs []json.RawMessage) []state.Op {
	ops := make([]state.Op, len(docs))
	for i, d := range docs {
		ops[i] = state.Op{Key: fmt.Sprintf("%s:%d", prefix, i), Value: d, Blind: true}
	}
	return ops
}

// onBare starts a sidecar over an empty store of a profile.
func onBare(ctx context.Context, profile, dir string, do func(b bare) error) error {
	stores, err := shop.OpenStores(ctx, profile, dir)
	if err != nil {
		return err
	}
	defer stores.Close()
	side, err := shop.StartSidecar(ctx, "orders", dir, stores.Resources)
	if err != nil {
		return err
	}
	defer side.Stop()
	return do(bare{side, state.Dapr(side.Sidecar, bareStore)})
}

// keptDocuments reads what the stores of the owners have, past Dapr: documents of the same
// number and sizes, not of the same content.
func keptDocuments(ctx context.Context, s shop.State) (ops []state.Op, err error) {
	for _, app := range []string{"catalog", "users", "orders", "support"} {
		var sizes []int
		switch s.Profile {
		case "redis":
			sizes, err = redisSizes(ctx, s, app)
		case "postgres":
			sizes, err = postgresSizes(ctx, s, app)
		default:
			sizes, err = sqliteSizes(ctx, s, app)
		}
		if err != nil {
			return nil, fmt.Errorf("the store of %s: %w", app, err)
		}
		for i, size := range sizes {
			filler := strings.Repeat("x", max(0, size-len(`{"filler":""}`)))
			ops = append(ops, state.Op{Key: fmt.Sprintf("%s:%d", app, i), Value: fmt.Appendf(nil, `{"filler":%q}`, filler), Blind: true})
		}
	}
	return ops, nil
}

func redisSizes(ctx context.Context, s shop.State, app string) (sizes []int, err error) {
	c, err := tap.OpenRedis(s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	scan := c.ScanType(ctx, 0, app+"||*", 1000, "hash").Iterator()
	for scan.Next(ctx) {
		v, err := c.HGet(ctx, scan.Val(), "data").Result()
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, len(v))
	}
	return sizes, scan.Err()
}

func postgresSizes(ctx context.Context, s shop.State, app string) ([]int, error) {
	password, err := tap.StorePassword(s)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(s.Store)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%s user=tienda dbname=tienda sslmode=disable password=%s", host, port, password))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "SELECT length(value)::int FROM "+pgx.Identifier{app + "_state"}.Sanitize()+" WHERE value IS NOT NULL")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

func sqliteSizes(ctx context.Context, s shop.State, app string) (sizes []int, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.DataDir, "local", app+".db")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, "SELECT length(value) FROM state")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var size int
		if err := rows.Scan(&size); err != nil {
			return nil, err
		}
		sizes = append(sizes, size)
	}
	return sizes, rows.Err()
}
