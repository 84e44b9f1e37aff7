package migration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/tests/shop"
	"tienda/tests/tap"
)

// room is what a store may be short of.
type room interface {
	fill() // there is none; to be called again while something is left
	free()
}

// owners are whom the move may wait for.
var owners = []string{"catalog", "users", "orders", "support"}

// A disk that is full holds the source back: the status says who is waited for, nothing is
// confirmed, and no verification says that all is well. Once there is room the move goes on
// by itself, whatever died meanwhile.
func TestAFullDisk(t *testing.T) {
	localtest.Needs(t)
	_, long := faultSeed(t)
	for _, c := range []struct {
		name string
		full []string // files of the data folder
		whom []string
		long bool // only in long runs
	}{
		{"of the owners", []string{"local/catalog.db", "local/users.db", "local/orders.db", "local/support.db"}, owners, false},
		{"of the migration", []string{"local/migration.db"}, []string{"its own store"}, false},
		// Not names.db, the register by which sidecars find each other locally: each is renewed there every
		// few seconds, and is not found any more once it cannot be.
		{"of all", []string{
			"local/catalog.db", "local/users.db", "local/orders.db", "local/support.db", "local/gateway.db", "local/migration.db",
		}, append([]string{"its own store"}, owners...), true},
	} {
		if c.long && !long {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			var d *disk
			s := tellOn(t, generator.Options{Size: 40, Seed: 12}, func(o *shop.Options) {
				o.Profile = "local" // whose stores are files
				d = diskUnder(t, o, c.full...)
			}, "MIGRATION_CHUNK=5")
			d.shop = func() int { return s.shop.RunnerPID }
			s.runsFull(d, c.whom...)
		})
	}
}

// memory is that of a Redis which keeps what it has and takes no more.
type memory struct{ set func(maxmemory string) }

func (m memory) fill() { m.set("1") }
func (m memory) free() { m.set("0") }

// A Redis without memory for more refuses writes, those of events as well.
func TestAFullRedis(t *testing.T) {
	localtest.Needs(t)
	s := tellOn(t, generator.Options{Size: 40, Seed: 13}, func(o *shop.Options) { o.Profile = "redis" }, "MIGRATION_CHUNK=5")
	db, err := tap.OpenRedis(s.shop.State)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s.runsFull(memory{func(most string) { require.NoError(t, db.ConfigSet(t.Context(), "maxmemory", most).Err()) }}, append([]string{"its own store"}, owners...)...)
}

// runsFull is a move in the midst of which there is no room, while it copies and while it follows.
func (s *story) runsFull(r room, whom ...string) {
	s.t.Helper()
	s.sell(10)
	s.start()
	s.copying("products")
	s.full(r, whom)
	s.kill("migration", false) // what it noted is as it was
	r.free()
	s.becomes("following")

	s.full(r, whom)
	var first, now status
	s.must(http.StatusOK, http.MethodGet, "/v1/migration", &first)
	s.until("more to be written", time.Minute, func() bool {
		now = status{}
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && now.LagBytes > first.LagBytes+1<<16
	})
	require.Equal(s.t, first.Position, now.Position, "what is not stored is not said to be")
	// What was stored before the wait may be confirmed only now, and nothing beyond it.
	require.LessOrEqual(s.t, uint64(s.confirmed()), first.Position, "nor confirmed")
	require.True(s.t, oneOf(whom, now.Waiting), now.Waiting)
	require.NotEmpty(s.t, now.Why)
	if slices.Contains(whom, "users") {
		s.must(http.StatusAccepted, http.MethodPost, "/v1/migration/verify", nil)
		s.refusesPeople()
		var r report
		s.must(http.StatusOK, http.MethodGet, "/v1/migration/verify", &r)
		require.False(s.t, r.Equal && !r.Running, "it takes its time, and does not say that all is well")
	}
	s.kill("users", true)
	s.kill("migration", false)
	r.free()
	s.quiet()
	s.drained()
	s.countsAreSQLs(s.equal())
	if slices.Contains(whom, "users") {
		s.takesPeople()
	}
}

// full leaves no room until the move waits for somebody.
func (s *story) full(r room, whom []string) {
	s.t.Helper()
	s.until("somebody to wait for", time.Minute, func() bool {
		r.fill()
		_, err := s.owner.Exec(s.t.Context(), "UPDATE customers SET full_name = full_name || 'x' WHERE length(full_name) < 90")
		require.NoError(s.t, err)
		var now status
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && oneOf(whom, now.Waiting)
	})
}

// oneOf says whether somebody is among those whom the status names.
func oneOf(whom []string, waiting string) bool {
	return slices.ContainsFunc(strings.Split(waiting, ", "), func(name string) bool { return slices.Contains(whom, name) })
}

// confirmed is up to where the source has forgotten its log.
func (s *story) confirmed() (position int64) {
	s.t.Helper()
	s.admin(func(conn *pgx.Conn) {
		require.NoError(s.t, conn.QueryRow(s.t.Context(), "SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots").Scan(&position))
	})
	return position
}

// person is somebody who registers in the shop.
func (s *story) person(n int) (status int, of string, body []byte) {
	s.t.Helper()
	in, err := json.Marshal(map[string]string{"email": fmt.Sprintf("full-%d@example.com", n), "password": "a good password", "name": "Ana"})
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.address()+"/v1/users", bytes.NewReader(in))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), body
}

// newcomers is how many try to register while there is no room.
const newcomers = 3

// refusesPeople demands that the shop says it cannot keep anything now, and shows what it has.
func (s *story) refusesPeople() {
	s.t.Helper()
	for n := range newcomers {
		status, of, body := s.person(n)
		require.Equal(s.t, http.StatusServiceUnavailable, status, "%s", body)
		require.Equal(s.t, "application/problem+json", of)
	}
	require.Equal(s.t, http.StatusOK, s.public(http.MethodGet, "/v1/products", "", nil, nil))
}

// takesPeople demands that nothing is left of those who were refused: they register, once.
func (s *story) takesPeople() {
	s.t.Helper()
	for n := range newcomers {
		s.until("somebody registered", time.Minute, func() bool {
			status, _, body := s.person(n)
			if status == http.StatusServiceUnavailable {
				return false
			}
			require.Equal(s.t, http.StatusCreated, status, "%s", body)
			return true
		})
		require.NotEmpty(s.t, s.signIn(fmt.Sprintf("full-%d@example.com", n), "a good password"))
		status, _, _ := s.person(n)
		require.Equal(s.t, http.StatusConflict, status)
	}
}
