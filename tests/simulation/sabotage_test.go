package simulation

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/state"
)

// sabotage is bugs that are put in on purpose, at the seams between the shop
// and its world.
type sabotage struct {
	publishFirst bool // events go out before their commit, which may fail
	dropJournal  bool // entries of the journal are not written
	ignoreETags  bool // the store writes over whatever is there
	looseUses    bool // who uses a promotion reads what was before the last use, and writes over it
	keptUses     bool // no use of a promotion is given back
	noDedupe     bool // catalog does not know a repeated event from news
	ownIDs       bool // each replica has an ID of its own for what replaces something
	noKey        bool // the repeat of a reservation holds a second time
	noIdempotent bool // the repeat of a checkout is another checkout
	noCancelKey  bool // the repeat of a cancellation of lines is another one
	guessPay     bool // an answer of the payment provider that is lost is taken for a refusal
	keylessPay   bool // the payment provider does not know a repeat
	dropMail     bool // letters are not written with what they are about
	dropRows     bool // what is new of an order does not reach the totals
	ackFirst     bool // the broker forgets an event although its consumer failed
}

// Each bug is found within so many seeds, and by a rule that names it.
func TestSabotages(t *testing.T) {
	for name, c := range map[string]struct {
		bugs   sabotage
		within int
		rules  []string // one of them; nil: any, as it may break whatever there is
	}{
		"publish before commit":        {sabotage{publishFirst: true}, 20, []string{"event-false", "event-twice"}},
		"journal dropped":              {sabotage{dropJournal: true}, 80, []string{"event-lost", "unsettled"}},
		"ETag ignored":                 {sabotage{ignoreETags: true}, 40, nil},
		"uses written over":            {sabotage{looseUses: true}, 20, []string{"promotion-uses", "promotion-over"}},
		"uses never given back":        {sabotage{keptUses: true}, 20, []string{"promotion-uses"}},
		"no dedupe in the consumer":    {sabotage{noDedupe: true}, 60, []string{"ledger"}},
		"reservation without key":      {sabotage{noKey: true}, 20, []string{"reserved"}},
		"replacement of each replica":  {sabotage{ownIDs: true}, 80, []string{"exchange-wrong"}},
		"checkout without key":         {sabotage{noIdempotent: true}, 20, []string{"order-unasked", "answer-changed", "order-twice"}},
		"cancellation without key":     {sabotage{noCancelKey: true}, 40, []string{"cancel-wrong"}},
		"payment guessed":              {sabotage{guessPay: true}, 40, []string{"payment-kept", "payment-differs"}},
		"payment without key":          {sabotage{keylessPay: true}, 20, []string{"payment-differs", "payment-kept", "payment-unauthorised"}},
		"letters dropped":              {sabotage{dropMail: true}, 20, []string{"mail-lost"}},
		"rows dropped":                 {sabotage{dropRows: true}, 20, []string{"totals"}},
		"acknowledged before it works": {sabotage{ackFirst: true}, 80, []string{"reserved", "sold", "not-applied", "ledger"}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range c.within {
				var r result
				t.Run(strconv.Itoa(seed), func(t *testing.T) { r = simulate(t, uint64(seed), c.bugs, false) })
				for _, w := range r.wrong {
					if rule, _, _ := strings.Cut(w, ":"); c.rules == nil || slices.Contains(c.rules, rule) {
						t.Logf("seed %d: %s", seed, w)
						return
					}
				}
				require.Empty(t, r.wrong, "seed %d fails by another rule", seed)
			}
			t.Fatalf("not found within %d seeds", c.within)
		})
	}
}

// owedID is the ID of a replacement in an order that owes it.
var owedID = regexp.MustCompile(`"exchange":\{"order_id":"([0-9a-f-]{36})","status":"owed"`)

// owns notes which replica has written first that a replacement is owed.
func (s sabotage) owns(v view, ops []state.Op) {
	if !s.ownIDs {
		return
	}
	for _, op := range ops {
		for _, found := range owedID.FindAllSubmatch(op.Value, -1) {
			if id := string(found[1]); v.w.owner[id] == "" {
				v.w.owner[id] = v.from.name
			}
		}
	}
}

// estrange gives another replica another ID of what is owed, as if it were not derived.
func (s sabotage) estrange(v view, items []state.Item) []state.Item {
	if !s.ownIDs {
		return items
	}
	out := slices.Clone(items)
	for i, it := range out {
		out[i].Value = owedID.ReplaceAllFunc(it.Value, func(found []byte) []byte {
			id := owedID.FindSubmatch(found)[1]
			if owner := v.w.owner[string(id)]; owner == "" || owner == v.from.name {
				return found
			}
			other := uuid.NewSHA1(uuid.NameSpaceOID, []byte(string(id)+v.from.name)).String()
			v.w.owner[other] = v.from.name
			return bytes.Replace(found, id, []byte(other), 1)
		})
	}
	return out
}

const usesOf = "promotion-uses:"

// drops says whether the store loses a write over what is there.
func (s sabotage) drops(op state.Op, was state.Item) bool {
	return s.dropJournal && !op.Delete && strings.HasPrefix(op.Key, "outbox:entry:") ||
		s.dropMail && !op.Delete && strings.HasPrefix(op.Key, "mail:") ||
		s.dropRows && isRow(op.Key) ||
		s.keptUses && strings.HasPrefix(op.Key, usesOf) && openUses(op.Value) < openUses(was.Value)
}

func openUses(value []byte) int {
	var doc struct {
		Data usesDoc `json:"d"`
	}
	_ = json.Unmarshal(value, &doc)
	return len(doc.Data.Open) + doc.Data.Folded
}

// ignores says whether the store takes a write whatever its ETag is.
func (s sabotage) ignores(op state.Op) bool {
	return s.ignoreETags || s.looseUses && strings.HasPrefix(op.Key, usesOf)
}

// announces gives the events of a transaction to the broker ahead of it.
func (s sabotage) announces(w *world, ops []state.Op) {
	if !s.publishFirst {
		return
	}
	for _, op := range ops {
		var doc struct {
			Commit  string `json:"c"`
			Pending []struct {
				Commit string            `json:"c"`
				Events []json.RawMessage `json:"v"`
			} `json:"o"`
		}
		if op.Delete || json.Unmarshal(op.Value, &doc) != nil {
			continue
		}
		for _, p := range doc.Pending {
			if p.Commit != doc.Commit {
				continue
			}
			for _, raw := range p.Events {
				w.accept(read(raw))
			}
		}
	}
}

// handler stands before the handler of a process.
func (s sabotage) handler(w *world, app string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		const reservations = "/internal/v1/reservations/"
		switch {
		case s.noKey && in.Method == http.MethodPut && strings.HasPrefix(in.URL.Path, reservations) && w.again(in.URL.Path):
			in.URL.Path = reservations + uuid.NewString()
			in.URL.RawPath = ""
		case s.noIdempotent && in.Method == http.MethodPost && in.URL.Path == "/v1/orders":
			in.Header.Set("Idempotency-Key", uuid.NewString())
		case s.noCancelKey && in.Method == http.MethodPost && strings.HasSuffix(in.URL.Path, "/cancellations"):
			in.Header.Set("Idempotency-Key", uuid.NewString())
		case s.noDedupe && app == "catalog" && strings.HasPrefix(in.URL.Path, "/events/"):
			body, _ := io.ReadAll(in.Body)
			if i := bytes.Index(body, []byte(`"return_id":"`)); i >= 0 {
				copy(body[i+len(`"return_id":"`):], uuid.NewString())
			}
			in.Body = io.NopCloser(bytes.NewReader(body))
		}
		h.ServeHTTP(out, in)
	})
}

// again says whether it was called with the same before.
func (w *world) again(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.seen[what]
	w.seen[what] = true
	return was
}
