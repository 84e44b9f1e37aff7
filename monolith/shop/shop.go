// Package shop is the legacy shop: one small program over one database. What a browser
// reads has the paths and shapes of the new shop's public contract, as far as the old
// tables have what it says; what is written has paths of its own under /legacy. It knows
// no sign-in: it is for this machine alone.
package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tienda/internal/fault"
	"tienda/internal/problem"
)

const maxBody = 1 << 20 // bytes

// Options are what the shop needs.
type Options struct {
	DB  *pgxpool.Pool // as the owner of the tables
	Log *slog.Logger

	// Identity gives the ID that a product shows, by the key of its row: "products:77".
	// It is the one that the product will have in the new shop; nil: the one that the
	// migration derives.
	Identity func(key string) string
}

// space is the namespace of the migration's IDs (package mapping): two answers of the old
// shop and the new one are only equal with the same IDs.
var space = uuid.MustParse("c2348442-43c1-4ade-a869-dc97a56cd570")

type shop struct {
	Options
}

type handler func(w http.ResponseWriter, r *http.Request) error

// New gives the shop's handler.
func New(o Options) http.Handler {
	if o.Identity == nil {
		o.Identity = func(key string) string { return uuid.NewSHA1(space, []byte(key)).String() }
	}
	s := &shop{o}
	routes := mux.NewRouter()
	for _, r := range []struct {
		method, path string
		handle       handler
	}{
		{http.MethodGet, "/healthz", s.health},
		{http.MethodGet, "/v1/categories", s.listCategories},
		{http.MethodGet, "/v1/products", s.listProducts},
		{http.MethodGet, "/v1/products/{ref}", s.getProduct},

		{http.MethodPost, "/legacy/customers", s.register},
		{http.MethodPut, "/legacy/customers/{id:[0-9]+}/address", s.changeAddress},
		{http.MethodPost, "/legacy/orders", s.placeOrder},
		{http.MethodPost, "/legacy/orders/{number}/ship", s.ship},
		{http.MethodPost, "/legacy/orders/{number}/deliver", s.deliver},
		{http.MethodPost, "/legacy/orders/{number}/cancel", s.cancel},
		{http.MethodPut, "/legacy/prices/{sku}", s.changePrice},
		{http.MethodDelete, "/legacy/products/{slug}", s.deleteProduct},
		{http.MethodPost, "/legacy/tickets", s.openTicket},
		{http.MethodPost, "/legacy/tickets/{id:[0-9]+}/messages", s.postMessage},
		{http.MethodPost, "/legacy/returns", s.openReturn},
	} {
		routes.Handle(r.path, s.answer(r.handle)).Methods(r.method)
	}
	routes.NotFoundHandler = s.answer(func(http.ResponseWriter, *http.Request) error { return fault.Missing("page") })
	routes.MethodNotAllowedHandler = s.answer(func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.MethodNotAllowed, "method_not_allowed", "The path does not take this method.")
	})
	return routes
}

// answer writes what a handler could not.
func (s *shop) answer(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err := handle(w, r)
		if err == nil {
			return
		}
		if status := problem.Write(w, err, ""); status >= http.StatusInternalServerError {
			s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
	})
}

func (s *shop) health(w http.ResponseWriter, r *http.Request) error {
	if err := s.DB.Ping(r.Context()); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return send(w, http.StatusOK, map[string]string{"status": "ok"})
}

// send writes JSON. Its error is nil: a client that has gone is told nothing.
func send(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
	return nil
}

// read takes a JSON body without unknown fields.
func read(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("there is more than one JSON document")
	}
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return fault.New(fault.TooLarge, "too_large", "The body is over the limit.")
	}
	return fault.BadField("", err.Error())
}

// id reads the number in the path.
func id(r *http.Request) (int64, error) {
	n, err := strconv.ParseInt(mux.Vars(r)["id"], 10, 64)
	if err != nil {
		return 0, fault.BadField("id", "is no number of a row")
	}
	return n, nil
}

// transact runs what f does as one transaction.
func (s *shop) transact(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.DB, f)
}

// missing turns an empty result into the answer that there is no such thing.
func missing(err error, what string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.Missing(what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
