package state

import (
	"encoding/json"
	"strconv"
	"time"
)

// Times and bounds of a journal. Tests of the outbox run them on a fake clock.
const (
	beatEvery  = 1500 * time.Millisecond // how often a replica renews its lease
	leaseTime  = 5 * time.Second         // a journal whose beat stands still that long is adopted
	leaseSafe  = 3 * time.Second         // older than that, a replica renews before it writes an entry
	ahead      = 1024                    // entries that may be written before the next renewal
	maxBacklog = 16 * 1024               // unpublished entries of a replica; past that, writers are refused
	lookAgain  = 20 * time.Second        // how often a retired journal is read again
	retireTime = 5 * time.Minute         // until then a writer that was paused may still reach it
	doubtTime  = 2 * commitLimit         // after which a commit without an answer has landed or never will
)

// registry lists the journals that there are, head is one of them. Of an
// adopted journal only the adopter writes the head.
type registry struct {
	IDs []string `json:"ids"`
}

type head struct {
	Beat    int64     `json:"beat"`
	Low     int64     `json:"low"`   // entries below are published and gone
	Limit   int64     `json:"limit"` // entries are below
	Adopter string    `json:"adopter,omitempty"`
	Retired time.Time `json:"retired,omitzero"`
}

var (
	registries   = Collection[registry]{Prefix: "outbox:"}
	journalHeads = Collection[head]{Prefix: "outbox:head:"}
)

const theRegistry = "journals"

// entry names the documents of one commit that hold events or begin work. It
// is written no later than the documents, and dropped once their events are
// published and the work is done.
type entry struct {
	journal string
	seq     int64
	refs    []ref
	events  []json.RawMessage // as committed
	tombs   []string          // keys of deleted documents that stay until the events are published
	half    bool              // its commit had a conflict, and some of its documents are there all the same
}

type ref struct {
	Key    string `json:"k"`
	Commit string `json:"c"`
	Work   bool   `json:"w,omitempty"` // not events: the document begins work that is unfinished
}

func entryKey(journal string, seq int64) string {
	return "outbox:entry:" + journal + ":" + strconv.FormatInt(seq, 10)
}

func (e *entry) key() string { return entryKey(e.journal, e.seq) }

func (e *entry) put() (Op, error) {
	v, err := json.Marshal(e.refs)
	return Op{Key: e.key(), Value: v, Blind: true}, err
}
