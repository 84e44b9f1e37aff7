package audit

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// pageSize is how many records a page holds: a record has some 500 bytes, and
// the page that is being filled is written with each event.
const pageSize = 20

// Trail is the records of one account: the page that is being filled, and how
// many closed ones there are. Its JSON form is how it is stored.
//
// What is personal in a record is encrypted with the trail's key. To erase it
// is to forget the key: no record is touched, and the chain still holds.
type Trail struct {
	Key    []byte `json:"key,omitempty"`
	Erased bool   `json:"erased,omitempty"`
	Closed int    `json:"closed"` // pages 0..Closed-1 exist
	Page
}

// Page is some records, oldest first, each with the hash of itself and of the
// one before it. A closed page is never written again.
type Page struct {
	Prev    []byte  `json:"prev,omitempty"` // the hash before the first record
	Records []Entry `json:"records"`
}

// Entry is a record as it is stored.
type Entry struct {
	ID        string            `json:"id"`
	At        time.Time         `json:"at"`
	Kind      Kind              `json:"kind"`
	ActorID   string            `json:"actor,omitempty"`
	Session   string            `json:"session,omitempty"`
	RequestID string            `json:"request,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
	Personal  []byte            `json:"personal,omitempty"` // AES-256-GCM of a personal
	Hash      []byte            `json:"hash,omitempty"`
}

type personal struct {
	Address string `json:"address,omitempty"`
	Agent   string `json:"agent,omitempty"`
	Note    string `json:"note,omitempty"`
}

// Append adds a record and gives the number of its page; closed is a page that
// has to be stored as number-1, nil for none. One that is there already is left.
func (t *Trail) Append(r Record) (number int, closed *Page, err error) {
	if slices.ContainsFunc(t.Records, func(e Entry) bool { return e.ID == r.ID }) {
		return t.Closed, nil, nil
	}
	t.forget(r.At.Add(-Retention))
	if len(t.Records) >= pageSize {
		closed = &Page{Prev: t.Prev, Records: t.Records}
		t.Page = Page{Prev: t.Records[len(t.Records)-1].Hash}
		t.Closed++
	}
	e := Entry{
		ID: r.ID, At: moment(r.At), Kind: r.Kind, ActorID: r.ActorID, Session: r.Session, RequestID: r.RequestID, Detail: r.Detail,
	}
	if e.Personal, err = t.seal(r.ID, personal{r.Address, cut(r.Agent), r.Note}); err != nil {
		return 0, nil, err
	}
	if e.Hash, err = e.hash(t.last()); err != nil {
		return 0, nil, err
	}
	t.Records = append(t.Records, e)
	return t.Closed, closed, nil
}

// Erase makes what is personal in the trail unreadable, for good.
func (t *Trail) Erase() { t.Key, t.Erased = nil, true }

// forget drops records of the open page that are older than they may be.
func (t *Trail) forget(before time.Time) {
	for len(t.Records) > 0 && t.Records[0].At.Before(before) {
		t.Prev, t.Records = t.Records[0].Hash, t.Records[1:]
	}
}

func (t *Trail) last() []byte {
	if n := len(t.Records); n > 0 {
		return t.Records[n-1].Hash
	}
	return t.Prev
}

// Read gives the records of a page of the trail of userID, newest first.
func (t *Trail) Read(userID string, p Page) []Record {
	out := make([]Record, 0, len(p.Records))
	prev, intact := p.Prev, true
	for _, e := range p.Records {
		h, err := e.hash(prev)
		intact = intact && err == nil && bytes.Equal(h, e.Hash)
		prev = e.Hash
		who := t.unseal(e)
		out = append(out, Record{
			ID: e.ID, At: e.At, Kind: e.Kind, UserID: userID, ActorID: e.ActorID, Session: e.Session, RequestID: e.RequestID,
			Detail: e.Detail, Address: who.Address, Agent: who.Agent, Note: who.Note,
		})
	}
	for i := range out {
		out[i].Intact = intact
	}
	slices.Reverse(out)
	return out
}

// hash is SHA-256 over the hash before and the record's JSON.
func (e Entry) hash(prev []byte) ([]byte, error) {
	e.Hash = nil
	raw, err := json.Marshal(e) // the keys of a map are sorted
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	sum := sha256.Sum256(slices.Concat(prev, raw))
	return sum[:], nil
}

const keyBytes = 32

func (t *Trail) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(t.Key)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return cipher.NewGCM(block)
}

// seal encrypts what is personal, bound to the record's ID; an erased trail
// keeps nothing of it.
func (t *Trail) seal(id string, p personal) ([]byte, error) {
	if t.Erased || p == (personal{}) {
		return nil, nil
	}
	if len(t.Key) == 0 {
		t.Key = make([]byte, keyBytes)
		_, _ = rand.Read(t.Key) // never fails since Go 1.24
	}
	box, err := t.aead()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	nonce := make([]byte, box.NonceSize())
	_, _ = rand.Read(nonce)
	return box.Seal(nonce, nonce, raw, []byte(id)), nil
}

var errSealed = errors.New("audit: not readable")

// unseal gives nothing for what cannot be read, an erased account's above all.
func (t *Trail) unseal(e Entry) personal {
	var p personal
	raw, err := t.opened(e)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return personal{}
	}
	return p
}

func (t *Trail) opened(e Entry) ([]byte, error) {
	if len(t.Key) == 0 {
		return nil, errSealed
	}
	box, err := t.aead()
	if err != nil {
		return nil, err
	}
	if len(e.Personal) < box.NonceSize() {
		return nil, errSealed
	}
	return box.Open(nil, e.Personal[:box.NonceSize()], e.Personal[box.NonceSize():], []byte(e.ID))
}

const agentLimit = 200

func cut(agent string) string {
	r := []rune(agent)
	return string(r[:min(len(r), agentLimit)])
}
