package migration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
)

// steps are the named ones of a move, and how it comes to be in the midst of each; of
// changes of hands replicas_test.go has them.
var steps = []struct {
	name  string
	reach func(s *story)
}{
	{"snapshot", func(s *story) { s.anew(0) }},
	{"chunk", func(s *story) { s.anew(1) }},
	{"checkpoint", (*story).checkpoint},
	{"follow", func(s *story) { s.becomes("following"); s.changed() }},
	{"confirm", (*story).confirming},
	{"verify", (*story).verifying},
	{"repair", (*story).repairing},
}

// Whatever dies at whichever step of a move, in the end nothing is lost, nothing is there
// twice, and nothing is different. MOVE_FAULTS says which seed of the long run: each step
// with everything that can die.
func TestTheMoveSurvivesAtEachStep(t *testing.T) {
	localtest.Needs(t)
	seed, long := faultSeed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	s := tell(t, generator.Options{Size: 40, Seed: seed}, "MIGRATION_CHUNK=5")
	s.sell(10)
	s.start()
	dying := []int{1, 2, 3, 5, 6} // of victims: no gateway is in these steps
	for i, step := range steps {
		who := []int{dying[i%len(dying)]}
		if long {
			who = dying
		}
		for _, n := range who {
			app := owners[r.IntN(len(owners))]
			step.reach(s)
			victims[n].kill(s, app, 0)
			t.Logf("%s: %s died (%s)", step.name, victims[n].name, app)
			s.recovers()
		}
	}
	s.quiet()
	s.drained()
	s.countsAreSQLs(s.equal())
}

// anew has everything copied again, and waits for so many chunks.
func (s *story) anew(chunks int) {
	s.t.Helper()
	s.becomes("following")
	s.losesSlot()
	s.becomes("failed")
	s.start()
	s.until("some chunks", time.Minute, func() bool { return s.chunks() >= chunks })
}

// chunks gives how many chunks are noted as done; -1: that is not known.
func (s *story) chunks() (done int) {
	var now status
	if _, ok := s.ask(http.MethodGet, "/v1/migration", &now); !ok || now.Phase == "failed" {
		return -1
	}
	for _, k := range now.Kinds {
		done += k.ChunksDone
	}
	return done
}

// checkpoint waits for the moment at which a chunk is noted as done.
func (s *story) checkpoint() {
	s.t.Helper()
	s.anew(1)
	for before, end := s.chunks(), time.Now().Add(10*time.Second); s.chunks() <= before && time.Now().Before(end); {
	}
}

// changed writes a row of each owner's.
func (s *story) changed() {
	s.t.Helper()
	for _, sql := range []string{
		"UPDATE customers SET full_name = full_name || 'x' WHERE id % 3 = 0 AND length(full_name) < 90",
		"UPDATE products SET title = title || 'x' WHERE id % 3 = 0 AND length(title) < 90",
		"UPDATE orders SET note = 'x' || coalesce(note, '') WHERE id % 3 = 0",
		"UPDATE tickets SET subject = subject || 'x' WHERE length(subject) < 90",
	} {
		_, err := s.owner.Exec(s.t.Context(), sql)
		require.NoError(s.t, err)
	}
}

// confirming waits for the moment at which what was changed is stored.
func (s *story) confirming() {
	s.t.Helper()
	before := s.becomes("following").Position
	s.changed()
	s.until("a position", 30*time.Second, func() bool {
		var now status
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && now.Position > before
	})
}

// verifying begins a verification.
func (s *story) verifying() {
	s.t.Helper()
	s.becomes("following")
	s.must(http.StatusAccepted, http.MethodPost, "/v1/migration/verify", nil)
}

// repairing begins the repair of a difference.
func (s *story) repairing() {
	s.t.Helper()
	s.becomes("following")
	key := "categories:" + one(s.t, s.owner, "SELECT min(id)::text FROM categories")[0]
	s.change("catalog", "categories", key, func(doc map[string]any) { doc["name"] = "Nothing" })
	r := s.verified()
	require.Equal(s.t, 1, r.Differs, "%+v", r)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/v1/migration/repair", s.shop.Of("migration")[0].Port), nil)
	require.NoError(s.t, err)
	req.Header.Set("dapr-api-token", s.token)
	go func() {
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
}

// recovers waits until the move follows again, and until what died is no longer in the way of
// a verification; a difference is repaired.
func (s *story) recovers() {
	s.t.Helper()
	s.becomes("following")
	s.until("two sides that are the same", 2*time.Minute, func() bool {
		var r report
		if code, ok := s.ask(http.MethodPost, "/v1/migration/verify", nil); !ok || code != http.StatusAccepted {
			return false // one is under way
		}
		s.until("a report", time.Minute, func() bool {
			r = report{}
			code, ok := s.ask(http.MethodGet, "/v1/migration/verify", &r)
			return code == http.StatusNotFound || ok && !r.Running
		})
		if r.Differs > 0 {
			s.ask(http.MethodPost, "/v1/migration/repair", nil)
		}
		return r.Equal && r.Error == ""
	})
}
