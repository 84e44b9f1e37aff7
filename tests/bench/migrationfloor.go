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

// movedBatch is how many documents a bare write has: about as many as the migration sends.
const movedBatch = 100

// Floor is how fast documents were written to a bare sidecar.
type Floor struct {
	Documents int     `json:"documents"` // that were written
	Bytes     int     `json:"bytes"`     // of a document, on average
	PerSecond float64 `json:"per_second"`
	Moved     float64 `json:"moved_per_second"` // documents that are moved, a second
	Sidecar   float64 `json:"sidecar_cpu_s"`
}

func (f Floor) against(ours float64) string {
	return fmt.Sprintf("%d of %d bytes, %.0f/s: %.0f moved/s, of which the move has %.2f; %.1f s of the sidecar's CPU",
		f.Documents, f.Bytes, f.PerSecond, f.Moved, ours/max(f.Moved, 1), f.Sidecar)
}

// bare is a sidecar without an app.
type bare struct {
	side  *shop.Sidecar
	store state.Store
}

const bareStore = "orders-state"

// save writes a batch as a bulk write.
func (b bare) save(ctx context.Context, ops []state.Op) error {
	items := make([]*dapr.SetStateItem, len(ops))
	for i, op := range ops {
		items[i] = &dapr.SetStateItem{Key: op.Key, Value: op.Value, Options: &dapr.StateOptions{}}
	}
	return b.side.SaveBulkState(ctx, bareStore, items...)
}

// transact writes a batch as a transaction.
func (b bare) transact(ctx context.Context, ops []state.Op) error { return b.store.Commit(ctx, ops...) }

// loop writes all, some batches at a time, and says how long it took.
func (b bare) loop(ctx context.Context, ops []state.Op, batch int, write func(context.Context, []state.Op) error) (time.Duration, error) {
	batches := make(chan []state.Op)
	errs := make([]error, moveWorkers)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range moveWorkers {
		wg.Go(func() {
			for ops := range batches {
				errs[i] = cmp.Or(errs[i], write(ctx, ops))
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

// floors writes to bare sidecars: what was sent, by bulk writes and by transactions, and
// what is kept of it.
func (v *moving) floors(ctx context.Context, sent map[string][]json.RawMessage, kept []state.Op, dir string) error {
	fmt.Println("== the bare sidecar")
	var all []state.Op
	for _, o := range owners {
		all = append(all, sentOps(o.kind, sent[o.kind])...)
	}
	err := onBare(ctx, v.Profile, filepath.Join(dir, "sent"), func(b bare) (err error) {
		for i := range v.Kinds {
			k := &v.Kinds[i]
			kind := k.Kind
			if kind == "customers" {
				kind = "users"
			}
			ops := sentOps(kind, sent[kind])
			took, err := b.loop(ctx, ops, movedBatch, b.save)
			if err != nil {
				return err
			}
			k.Floor = float64(len(ops)) / took.Seconds()
			k.Ratio = k.PerSecond / k.Floor
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range []struct {
		to    *Floor
		name  string
		ops   []state.Op
		batch int
		write func(bare) func(context.Context, []state.Op) error
	}{
		{&v.Floor, "bulk", all, movedBatch, func(b bare) func(context.Context, []state.Op) error { return b.save }},
		{&v.FloorTx, "transactions", all, movedBatch, func(b bare) func(context.Context, []state.Op) error { return b.transact }},
		{&v.Kept, "kept", kept, movedBatch * len(kept) / max(len(all), 1), func(b bare) func(context.Context, []state.Op) error { return b.transact }},
	} {
		err := onBare(ctx, v.Profile, filepath.Join(dir, f.name), func(b bare) error {
			cpu := processSeconds(b.side.PID())
			took, err := b.loop(ctx, f.ops, max(f.batch, 1), f.write(b))
			*f.to = Floor{Documents: len(f.ops), PerSecond: float64(len(f.ops)) / took.Seconds(), Sidecar: processSeconds(b.side.PID()) - cpu}
			for _, op := range f.ops {
				f.to.Bytes += len(op.Value)
			}
			f.to.Bytes /= max(len(f.ops), 1)
			f.to.Moved = float64(len(all)) / took.Seconds()
			return err
		})
		if err != nil {
			return fmt.Errorf("floor of %s: %w", f.name, err)
		}
		fmt.Printf("   %s: %s\n", f.name, f.to.against(v.PerSecond))
	}
	v.Ratio = v.PerSecond / v.Floor.Moved
	return nil
}

func sentOps(kind string, docs []json.RawMessage) []state.Op {
	ops := make([]state.Op, len(docs))
	for i, d := range docs {
		ops[i] = state.Op{Key: fmt.Sprintf("%s:%d", kind, i), Value: d, Blind: true}
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
