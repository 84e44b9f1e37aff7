package service

import (
	"context"
	"log/slog"
	"sync"

	"tienda/internal/fault"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/postgres"
	"tienda/services/migration/internal/reverse"
)

// SecretWrite is the secret with the DSN of the role that writes back to the monolith.
const SecretWrite = "monolith-write-dsn"

// writeConnections is how many connections write at once, at most.
const writeConnections = 4

// writer writes back, over a database that is opened when it is first needed.
type writer struct {
	mapping  *mapping.Mapping
	owners   reverse.Owners
	inCharge reverse.InCharge
	secrets  Secrets
	log      *slog.Logger

	mu    sync.Mutex
	store *postgres.Writer
	held  *reverse.Writer
}

// open gives what writes; reverse.ErrNoWriter where nobody said how.
func (w *writer) open(ctx context.Context) (*reverse.Writer, *postgres.Writer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		return w.held, w.store, nil
	}
	dsn, err := secret(ctx, w.secrets, SecretWrite, "put the DSN of a role there that may write what the mapping's reverse sections do.")
	switch {
	case fault.CodeOf(err) == "no_source":
		return nil, nil, reverse.ErrNoWriter
	case err != nil:
		return nil, nil, err
	}
	store, err := postgres.OpenWriter(ctx, dsn, "", writeConnections)
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "writer_away", "The monolith's database does not let the writer in. See the log.").Because(err)
	}
	w.store, w.held = store, reverse.New(w.mapping, store, w.owners, w.inCharge, w.log)
	return w.held, w.store, nil
}

func (w *writer) get(ctx context.Context) (*reverse.Writer, error) {
	held, _, err := w.open(ctx)
	return held, err
}

// made gives what was made in the shop and has a row.
func (w *writer) made(ctx context.Context) ([]reverse.Written, error) {
	_, store, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	return store.Made(ctx)
}

// row gives what is known of the row of a document.
func (w *writer) row(ctx context.Context, kind, id string) (row reverse.Written, ok bool, err error) {
	_, store, err := w.open(ctx)
	if err != nil {
		return row, false, err
	}
	err = store.Hold(ctx, kind, id, func(ctx context.Context, tx reverse.Tx) error {
		row, ok, err = tx.Written(ctx, kind, id)
		return err
	})
	return row, ok, err
}

// close ends the connections.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store != nil {
		w.store.Close()
		w.store, w.held = nil, nil
	}
}
