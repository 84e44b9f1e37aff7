package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"sync"
	"time"
)

const maxBody = 16 << 10 // bytes

// server is the provider's API.
type server struct {
	ledger  *ledger
	delay   time.Duration
	changed func() // a callback may be due

	mu    sync.Mutex
	asked map[string]bool // keys whose card has failed them once
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/authorisations", func(w http.ResponseWriter, r *http.Request) { s.step(w, r, "authorise") })
	mux.HandleFunc("POST /v1/authorisations/{id}/captures", func(w http.ResponseWriter, r *http.Request) { s.step(w, r, "capture") })
	mux.HandleFunc("POST /v1/authorisations/{id}/void", func(w http.ResponseWriter, r *http.Request) { s.step(w, r, "void") })
	mux.HandleFunc("POST /v1/authorisations/{id}/refunds", func(w http.ResponseWriter, r *http.Request) { s.step(w, r, "refund") })
	mux.HandleFunc("GET /v1/operations/{key}", s.lookup)
	mux.HandleFunc("GET /v1/operations", s.list)
	return http.MaxBytesHandler(mux, maxBody)
}

type body struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Token    string `json:"token"`
}

var (
	keyPattern      = regexp.MustCompile(`^[!-~]{8,255}$`)
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
)

// step does one step and answers as the card does.
func (s *server) step(w http.ResponseWriter, r *http.Request, kind string) {
	q, err := read(r, kind)
	if err != nil {
		refuse(w, err)
		return
	}
	if s.failsFirst(q) {
		refuse(w, &refusal{http.StatusServiceUnavailable, "sandbox_fails", "The sandbox fails once before it does this, as the card says."})
		return
	}
	rec, again, err := s.ledger.do(q)
	if err != nil {
		refuse(w, err)
		return
	}
	if !again && rec.Calls > 0 {
		s.changed()
	}
	switch {
	case rec.Does == loses: // also of a repeat: Go's clients make one by themselves
		panic(http.ErrAbortHandler) // it is done, and nobody is told
	case again:
		w.Header().Set("Idempotent-Replayed", "true")
	case rec.Does == delays:
		select {
		case <-time.After(s.delay):
		case <-r.Context().Done():
		}
	}
	o := rec.at(s.ledger.now())
	status := http.StatusOK
	switch o.Status {
	case "declined":
		status = http.StatusPaymentRequired
	case "pending":
		status = http.StatusAccepted
	}
	write(w, status, o)
}

// read makes a request of what a client has sent.
func read(r *http.Request, kind string) (q request, err error) {
	bad := func(detail string) (request, error) {
		return q, &refusal{http.StatusBadRequest, "invalid_request", "Sandbox: " + detail}
	}
	var in body
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return bad("the body is no JSON of this step.")
	}
	q = request{key: r.Header.Get("Idempotency-Key"), kind: kind, of: r.PathValue("id"), amount: in.Amount, currency: in.Currency}
	switch {
	case !keyPattern.MatchString(q.key):
		return bad("Idempotency-Key has 8 to 255 visible characters.")
	case kind == "void":
		return q, nil
	case in.Amount <= 0 || !currencyPattern.MatchString(in.Currency):
		return bad("amount is positive minor units, currency three letters.")
	case kind == "authorise":
		does, known := behaviour(in.Token)
		if !known {
			return q, &refusal{http.StatusUnprocessableEntity, "token_unknown", "The sandbox knows no such token."}
		}
		q.does = does
	}
	return q, nil
}

// failsFirst says whether a key is to fail now: once.
func (s *server) failsFirst(q request) bool {
	does := q.does
	if q.of != "" {
		for _, r := range s.ledger.all() {
			if r.ID == q.of {
				does = r.Does
			}
		}
	}
	if does != fails {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.asked[q.key]
	s.asked[q.key] = true
	return !was
}

func (s *server) lookup(w http.ResponseWriter, r *http.Request) {
	rec, ok := s.ledger.find(r.PathValue("key"))
	if !ok {
		refuse(w, &refusal{http.StatusNotFound, "operation_unknown", "The sandbox was not asked under this key."})
		return
	}
	write(w, http.StatusOK, rec.at(s.ledger.now()))
}

// list gives the whole ledger, which a real provider shows in its own pages.
func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Items []operation `json:"items"`
	}{Items: []operation{}}
	for _, r := range s.ledger.all() {
		out.Items = append(out.Items, r.at(s.ledger.now()))
	}
	write(w, http.StatusOK, out)
}

func refuse(w http.ResponseWriter, err error) {
	var no *refusal
	if !errors.As(err, &no) {
		no = &refusal{http.StatusInternalServerError, "sandbox_broken", "The sandbox cannot write its ledger."}
	}
	write(w, no.status, map[string]string{"code": no.code, "detail": no.detail})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
