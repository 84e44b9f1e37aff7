// Command floorapp is the app behind the benchmark's floor: a handler that
// does nothing, and one that makes the bare sidecar calls that it is told.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/uuid"

	"tienda/internal/app"
	"tienda/internal/sidecar"
	"tienda/tests/bench/plan"
)

// stored is how many documents there are to read, each 600 bytes.
const stored = 1000

func main() { app.Main(run) }

func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	cfg, err := app.LoadConfig(getenv("APP_ID"), 8090, getenv)
	if err != nil {
		return err
	}
	side, err := cfg.Sidecar()
	if err != nil {
		return err
	}
	defer side.Close()
	f := &floor{side: side, store: cfg.AppID + "-state", next: getenv("FLOOR_NEXT")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("POST /plan", f.plan)
	mux.HandleFunc("POST /fill", f.fill)
	mux.HandleFunc("POST /pay", pay)
	mux.HandleFunc("POST /stock", f.stock)
	mux.HandleFunc("POST /sell", f.sell)
	return app.Server(cfg, mux, slog.New(slog.NewTextHandler(stdout, nil)))(ctx)
}

type floor struct {
	side  *sidecar.Sidecar
	store string
	next  string // app ID of the app that an invoke step calls
}

func (f *floor) fill(w http.ResponseWriter, r *http.Request) {
	for from := 0; from < stored; from += 100 {
		var ops []*dapr.StateOperation
		for i := range 100 {
			ops = append(ops, upsert(key(from+i), document(600)))
		}
		if err := f.side.ExecuteStateTransaction(r.Context(), f.store, nil, ops); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
}

func (f *floor) plan(w http.ResponseWriter, r *http.Request) {
	var steps []plan.Step
	if err := json.NewDecoder(r.Body).Decode(&steps); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, s := range steps {
		if err := f.step(r.Context(), s); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{}"))
}

func (f *floor) step(ctx context.Context, s plan.Step) error {
	switch s.Kind {
	case "get":
		return f.get(ctx, s.Docs)
	case "save":
		return f.side.SaveState(ctx, f.store, uuid.NewString(), document(s.Size), nil)
	case "tx":
		ops := make([]*dapr.StateOperation, s.Docs)
		for i := range ops {
			ops[i] = upsert(uuid.NewString(), document(s.Size))
		}
		return f.side.ExecuteStateTransaction(ctx, f.store, nil, ops)
	case "publish":
		return f.side.PublishEvent(ctx, "events-floor", "floor", document(s.Size), dapr.PublishEventWithContentType("application/json"))
	case "invoke":
		return f.side.Invoke(ctx, sidecar.Call{App: f.next, Method: http.MethodPost, Path: "/plan", In: s.Then})
	case "bind":
		_, err := f.side.InvokeBinding(ctx, &dapr.InvokeBindingRequest{Name: "payments-floor", Operation: "post", Data: document(s.Size), Metadata: map[string]string{"path": "/pay"}})
		return err
	default:
		return errors.New("unknown step " + s.Kind)
	}
}

// pay answers what it is sent.
func pay(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.Copy(w, r.Body)
}

func (f *floor) get(ctx context.Context, docs int) error {
	if docs == 1 {
		_, err := f.side.GetState(ctx, f.store, key(rand.IntN(stored)), nil)
		return err
	}
	keys := make([]string, docs)
	for i := range keys {
		keys[i] = key(rand.IntN(stored))
	}
	items, err := f.side.GetBulkState(ctx, f.store, keys, nil, 8)
	if err == nil && len(items) == 0 {
		return fmt.Errorf("nothing is stored: POST /fill first")
	}
	return err
}

func upsert(key string, value []byte) *dapr.StateOperation {
	return &dapr.StateOperation{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: key, Value: value}}
}

func key(i int) string { return "floor-" + strconv.Itoa(i) }

// document is a JSON document of about size bytes.
func document(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"filler":"`)
	for b.Len() < size-2 {
		b.WriteString("0123456789")
	}
	b.WriteString(`"}`)
	return b.Bytes()
}
