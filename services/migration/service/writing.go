package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/reverse"
	"tienda/services/migration/internal/source"
)

const (
	// WriteSecretName is the secret with the DSN by which the monolith is written to while
	// a service is cut over; empty: no service can be.
	WriteSecretName = "monolith-write-dsn"
	writers         = 4                // documents that are written back at the same time
	retryEvery      = 10 * time.Second // what the monolith did not take
)

// writeConnections are enough for each of them to look for a row (reverse.Store's Keys) while it
// holds its document, and one for who only looks.
const writeConnections = 2*writers + 1

// writing is the monolith's database as documents are written back to it, opened when it
// is first needed.
type writing struct {
	dsn DSN

	mu   sync.Mutex
	held *postgres.Writer
}

var _ reverse.Store = (*writing)(nil)

// writeDSN reads the DSN of the role that writes.
func writeDSN(s Secrets) DSN {
	return func(ctx context.Context) (string, error) {
		return secret(ctx, s, WriteSecretName, "put the DSN of a role there that may write to the monolith (docs/mapping.md); until then no service can be cut over.")
	}
}

func (w *writing) get(ctx context.Context) (*postgres.Writer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == nil {
		at, err := w.dsn(ctx)
		if err != nil {
			return nil, err
		}
		if w.held, err = postgres.OpenWriter(ctx, at, "", writeConnections); err != nil {
			return nil, err
		}
	}
	return w.held, nil
}

// Hold implements reverse.Store.
func (w *writing) Hold(ctx context.Context, kind, id string, fn func(context.Context, reverse.Tx) error) error {
	s, err := w.get(ctx)
	if err != nil {
		return err
	}
	return s.Hold(ctx, kind, id, fn)
}

// Made implements reverse.Store.
func (w *writing) Made(ctx context.Context) ([]reverse.Written, error) {
	s, err := w.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Made(ctx)
}

// Rows implements reverse.Store.
func (w *writing) Rows(ctx context.Context) ([]reverse.Written, error) {
	s, err := w.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Rows(ctx)
}

// Keys implements reverse.Store.
func (w *writing) Keys(ctx context.Context, q source.Query, each func([]any) bool) error {
	s, err := w.get(ctx)
	if err != nil {
		return err
	}
	return s.Keys(ctx, q, each)
}

// closing ends the connections when the app ends.
func (w *writing) closing(ctx context.Context) error {
	<-ctx.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		w.held.Close()
		w.held = nil
	}
	return nil
}

// findings say whether services can be cut over: a move can begin without that.
func (w *writing) findings(ctx context.Context, m *mapping.Mapping) []progress.Finding {
	warning := func(detail, do string) []progress.Finding {
		return []progress.Finding{{Check: "write_back", Level: progress.Warning, Detail: detail, Do: do}}
	}
	store, err := w.get(ctx)
	if fault.CodeOf(err) == "no_source" {
		return warning("The secret "+WriteSecretName+" is empty: documents can be moved, and no service can be cut over.",
			"Before the first cut-over, make a role that may write to the tables (docs/mapping.md), and put its DSN into the secret store "+SecretStore+".")
	}
	if err != nil {
		return warning("The monolith cannot be reached by the role that writes: no service can be cut over.", "Look at the secret "+WriteSecretName+" and at the log.")
	}
	if err := store.Check(ctx); err != nil {
		return warning("The table tienda_reverse cannot be used: "+reason(err)+".", "Run as the owner of the tables, and give the role SELECT, INSERT and UPDATE on it:\n"+postgres.ReverseTable)
	}
	var out []progress.Finding
	for _, name := range m.ReversesAll() {
		out = append(out, warning("The mapping does not say how "+name+" are written back: their service cannot be cut over.", "Give the entry "+name+" a section reverse in the mapping "+m.Name+".")...)
	}
	var found mapping.Problems
	switch err := m.CheckReverse(ctx, store.Explain); {
	case errors.As(err, &found):
		for _, p := range found {
			out = append(out, warning(p.String(), "Change the mapping "+m.Name+", or give the role the right.")...)
		}
	case err != nil:
		out = append(out, warning("The statements that write back cannot be held to the database.", "Look at the log.")...)
	case len(out) == 0:
		out = []progress.Finding{{Check: "write_back", Level: progress.OK, Detail: "Every kind can be written back to the monolith, by a role that has the rights for it."}}
	}
	return out
}

// reason is what the database says, without values.
func reason(err error) string {
	if bad := (*source.StatementError)(nil); errors.As(err, &bad) {
		return bad.Error()
	}
	return "the database does not answer"
}
