package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// operation is one step under one key, as the provider's answers have it.
type operation struct {
	ID            string    `json:"id"`
	Key           string    `json:"key"`
	Kind          string    `json:"kind"` // authorise, capture, void, refund
	Authorisation string    `json:"authorisation"`
	Status        string    `json:"status"` // approved, declined, pending
	Code          string    `json:"code,omitempty"`
	Amount        int64     `json:"amount"` // minor units
	Currency      string    `json:"currency"`
	CreatedAt     time.Time `json:"created_at"`
}

// record is an operation as the ledger keeps it. Of the card it has what the
// sandbox is to do with it, never the token.
type record struct {
	operation
	Does      string    `json:"does,omitempty"`       // of an authorisation
	DecidesAt time.Time `json:"decides_at,omitzero"`  // until then it is pending
	Calls     int       `json:"calls,omitempty"`      // callbacks that are to be made
	CallsDone bool      `json:"calls_done,omitempty"` // and were
}

// at gives the operation as it stands at a time.
func (r record) at(now time.Time) operation {
	o := r.operation
	if now.Before(r.DecidesAt) {
		o.Status = "pending"
	}
	return o
}

// refusal is an answer that does nothing.
type refusal struct {
	status       int
	code, detail string
}

func (r *refusal) Error() string { return r.detail }

// ledger is all that was done. What is in its file is there before anybody is told.
// Safe for concurrent use.
type ledger struct {
	now func() time.Time

	mu    sync.Mutex
	file  *os.File
	byKey map[string]*record
	order []*record
}

// openLedger reads the file of a ledger, or begins one. A line that was cut off when
// the process died was told to nobody, and is removed.
func openLedger(path string, now func() time.Time) (*ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // where the user says
	if err != nil {
		return nil, fmt.Errorf("the ledger: %w", err)
	}
	l := &ledger{now: now, file: f, byKey: map[string]*record{}}
	if err := l.load(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the ledger %s: %w", path, err)
	}
	return l, nil
}

func (l *ledger) load() error {
	var good int64
	for in := bufio.NewReader(l.file); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("line of byte %d: %w", good, err)
		}
		good += int64(len(line))
		l.put(&r)
	}
	if err := l.file.Truncate(good); err != nil {
		return err
	}
	_, err := l.file.Seek(good, io.SeekStart)
	return err
}

func (l *ledger) put(r *record) {
	if was := l.byKey[r.Key]; was != nil {
		*was = *r
		return
	}
	l.byKey[r.Key] = r
	l.order = append(l.order, r)
}

// write appends a record and waits until it is on disk. The lock is held.
func (l *ledger) write(r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(bytes.TrimSpace(b), '\n')); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.put(&r)
	return nil
}

// request is what a step asks for.
type request struct {
	key, kind, of string // of: the authorisation's ID; "" for a new one
	amount        int64
	currency      string
	does          string // of a new authorisation
}

// same says whether a record is of the same request.
func (q request) same(r *record) bool {
	return q.kind == r.Kind && (q.of == "" || q.of == r.Authorisation) &&
		(q.kind == "void" || q.amount == r.Amount && q.currency == r.Currency) && (q.kind != "authorise" || q.does == r.Does)
}

// do does a request once and gives its record; again: it was done before.
func (l *ledger) do(q request) (rec record, again bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was := l.byKey[q.key]; was != nil {
		if !q.same(was) {
			return rec, false, &refusal{422, "idempotency_key_reused", "The sandbox has done something else under this key."}
		}
		return *was, true, nil
	}
	r := record{operation: operation{
		ID: q.kind[:4] + "_" + strings.ToLower(rand.Text()), Key: q.key, Kind: q.kind, Authorisation: q.of, Status: "approved",
		Amount: q.amount, Currency: q.currency, CreatedAt: l.now().UTC(),
	}, Does: q.does}
	if q.kind == "authorise" {
		r.Authorisation = r.ID
	} else {
		auth, err := l.allowed(q)
		if err != nil {
			return rec, false, err
		}
		if r.Does, r.Currency = auth.Does, auth.Currency; q.kind == "void" {
			r.Amount = auth.Amount
		}
	}
	decide(&r, slices.ContainsFunc(l.order, func(was *record) bool {
		return was.Authorisation == q.of && was.Kind == q.kind && was.Status == "declined"
	}))
	return r, false, l.write(r)
}

// allowed gives the authorisation of a step that may be done.
func (l *ledger) allowed(q request) (auth record, err error) {
	var captured, taken, refunded int64 // taken: captured by now
	var found, voided bool
	for _, r := range l.order {
		status := r.at(l.now()).Status
		if r.Authorisation != q.of || status == "declined" {
			continue
		}
		switch r.Kind {
		case "authorise":
			auth, found = *r, status == "approved"
		case "capture":
			captured += r.Amount
			if status == "approved" {
				taken += r.Amount
			}
		case "refund":
			refunded += r.Amount
		case "void":
			voided = true
		}
	}
	no := func(code, detail string) (record, error) { return auth, &refusal{422, code, "Sandbox: " + detail} }
	switch {
	case !found:
		return auth, &refusal{404, "authorisation_unknown", "The sandbox has no such approved authorisation."}
	case q.kind != "void" && q.currency != auth.Currency:
		return no("currency_differs", "the authorisation is in "+auth.Currency+".")
	case voided:
		return no("authorisation_voided", "the authorisation was given up.")
	case q.kind == "void" && captured > 0:
		return no("authorisation_captured", "the authorisation was captured.")
	case q.kind == "capture" && captured+q.amount > auth.Amount:
		return no("amount_exceeded", "more would be captured than is authorised.")
	case q.kind == "refund" && refunded+q.amount > taken:
		return no("amount_exceeded", "more would be refunded than was captured.")
	}
	return auth, nil
}

// find gives the record of a key.
func (l *ledger) find(key string) (record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.byKey[key]; r != nil {
		return *r, true
	}
	return record{}, false
}

// all gives every record, the oldest first.
func (l *ledger) all() []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]record, len(l.order))
	for i, r := range l.order {
		out[i] = *r
	}
	return out
}

// called notes that the callbacks of a key were made.
func (l *ledger) called(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := *l.byKey[key]
	r.CallsDone = true
	return l.write(r)
}

func (l *ledger) close() error { return l.file.Close() }
