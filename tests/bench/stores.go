package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"tienda/internal/state"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// writers is how many change documents of their own at once.
const writers = 64

type note struct {
	Turn   int    `json:"turn"`
	Filler string `json:"filler"`
}

var notes = state.Collection[note]{Prefix: "note:"}

// measureStores has writers change documents of their own on the store of every
// profile: with a read and a transaction for each change, and through one
// state.DB, which lets those that are under way share them; in turns, of which the
// one with the median ratio counts. A change writes two
// documents of 400 bytes in all, as most changes of the shop write a document
// and an entry of an index or a journal.
//
// This process plays the app here, so it collects its garbage as apps do.
func measureStores(ctx context.Context, m *meter, r *Report, dir string) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for _, name := range []string{"local", "redis", "postgres"} {
		if !m.only.MatchString(caseOf(name, "")) {
			continue
		}
		if err := measureStore(ctx, m, r, name, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("store of the profile %s: %w", name, err)
		}
	}
	return nil
}

func caseOf(store, how string) string { return strings.TrimSpace("writes on " + store + " " + how) }

func measureStore(ctx context.Context, m *meter, r *Report, name, dir string) error {
	stores, err := shop.OpenStores(ctx, name, dir)
	if err != nil {
		return err
	}
	defer stores.Close()
	side, err := shop.StartSidecar(ctx, "orders", dir, stores.Resources)
	if err != nil {
		return err
	}
	defer side.Stop()
	none := func() (plan.Counts, error) { return plan.Counts{}, nil }
	open := func() *state.DB {
		return state.Open(state.Dapr(side.Sidecar, "orders-state"), nil, slog.New(slog.DiscardHandler))
	}
	shared, own := open(), make([]*state.DB, writers)
	for i := range own {
		own[i] = open()
	}
	for _, size := range [][2]int{{1, 1}, {writers, 5}} {
		n, rounds := size[0], size[1]
		alone, together := caseOf(name, fmt.Sprintf("(%d at once), a transaction each", n)), caseOf(name, fmt.Sprintf("(%d at once), shared", n))
		at := *m
		at.connections, at.duration = n, m.duration/time.Duration(rounds+1)
		pairs := make([][2]Result, rounds)
		for i := range pairs {
			if pairs[i][0], err = at.run(alone, 0, none, func(ctx context.Context, i int) error { return change(ctx, own[i], i) }); err != nil {
				return err
			}
			if pairs[i][1], err = at.run(together, 0, none, func(ctx context.Context, i int) error { return change(ctx, shared, i) }); err != nil {
				return err
			}
		}
		p := median(pairs)
		if err := errors.Join(r.add(p[0], nil), r.addAgainst(alone)(p[1], nil)); err != nil {
			return err
		}
	}
	return nil
}

// median gives the pair in the middle by its ratio: the pace of a machine wanders
// by more within a minute than what is to be told apart.
func median(pairs [][2]Result) [2]Result {
	ratio := func(p [2]Result) float64 { return p[1].PerSecond / p[0].PerSecond }
	slices.SortFunc(pairs, func(a, b [2]Result) int { return cmp.Compare(ratio(a), ratio(b)) })
	return pairs[len(pairs)/2]
}

var filler = strings.Repeat("x", 330)

func change(ctx context.Context, db *state.DB, i int) error {
	id, entry := fmt.Sprintf("n%d", i), fmt.Sprintf("n%d-entry", i)
	return db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(notes.Keys(id, entry)...); err != nil {
			return err
		}
		n, _, err := notes.Get(tx, id)
		if err != nil {
			return err
		}
		if err := notes.Put(tx, entry, note{Turn: n.Turn + 1}); err != nil {
			return err
		}
		return notes.Put(tx, id, note{n.Turn + 1, filler})
	})
}
