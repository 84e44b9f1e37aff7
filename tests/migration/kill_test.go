package migration

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
)

// cut ends the migration's connections to the monolith's database.
func (s *story) cut() {
	s.t.Helper()
	s.admin(func(conn *pgx.Conn) {
		_, err := conn.Exec(s.t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'migration'")
		require.NoError(s.t, err)
	})
}

func (s *story) admin(do func(conn *pgx.Conn)) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.source.AdminDSN)
	require.NoError(s.t, err)
	do(conn)
	require.NoError(s.t, conn.Close(s.t.Context()))
}

// copying waits until a kind is being copied, some of its chunks done.
func (s *story) copying(kind string) {
	s.t.Helper()
	s.until("the copy of "+kind, 2*time.Minute, func() bool {
		var now status
		if _, ok := s.ask(http.MethodGet, "/v1/migration", &now); !ok {
			return false
		}
		for _, k := range now.Kinds {
			if k.Kind == kind && k.ChunksDone > 0 {
				return true
			}
		}
		return now.Phase == "following"
	})
}

// Whatever dies, at each step of the move, in the end nothing is lost, nothing is there
// twice, and nothing is different: with chunks of five rows, so that there are many
// checkpoints, and a monolith that goes on selling.
func TestTheMoveSurvivesItsParts(t *testing.T) {
	localtest.Needs(t)
	s := tell(t, generator.Options{Size: 40, Seed: 11}, "MIGRATION_CHUNK=5")
	s.sell(10)
	s.start()
	for _, step := range []struct {
		kind string
		do   func()
	}{
		{"products", func() { s.kill("migration", false) }},
		{"products", func() { s.kill("catalog", false) }},
		{"stock", func() { s.kill("catalog", true) }},
		{"customers", func() { s.kill("migration", true) }},
		{"customers", func() { s.kill("users", false) }},
		{"orders", s.cut},
		{"orders", func() { s.kill("orders", false) }},
		{"orders", func() { s.kill("migration", false) }},
		{"tickets", func() { s.kill("support", true) }},
	} {
		s.copying(step.kind)
		step.do()
	}
	s.becomes("following")
	for _, do := range []func(){
		s.cut,
		func() { s.kill("migration", false) },
		func() { s.kill("orders", true) },
		func() { s.kill("catalog", false) },
		func() { s.kill("migration", true) },
		func() { s.kill("users", false); s.kill("support", false) },
	} {
		time.Sleep(time.Second)
		do()
	}
	s.quiet()
	s.drained()
	s.countsAreSQLs(s.equal())
}

// An owner that stands still holds the source back, and nobody claims anything; then it
// goes on.
func TestAnOwnerThatStandsStill(t *testing.T) {
	localtest.Needs(t)
	s := tell(t, generator.Options{Size: 15, Seed: 5})
	s.start()
	s.becomes("following")
	s.signal("users", false, syscall.SIGSTOP)
	_, err := s.owner.Exec(t.Context(), "UPDATE customers SET full_name = full_name || ' II'")
	require.NoError(t, err)
	s.until("somebody to wait for", time.Minute, func() bool {
		var now status
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && now.Waiting == "users" && now.LagBytes > 0
	})
	s.signal("users", false, syscall.SIGCONT)
	s.drained()
	s.equal()

	// A slot that is gone is said to be gone, and all is copied anew when that is asked for.
	s.losesSlot()
	_, err = s.owner.Exec(t.Context(), "DELETE FROM tickets WHERE id = (SELECT max(id) FROM tickets)")
	require.NoError(t, err)
	now := s.becomes("failed")
	require.Contains(t, now.Reason, "slot")
	r := s.verified()
	require.False(t, r.Equal, "the ticket that was deleted meanwhile is still here")
	s.start()
	s.becomes("following")
	s.equal()
}

// losesSlot drops the slot at the source, behind the migration's back.
func (s *story) losesSlot() {
	s.t.Helper()
	s.admin(func(conn *pgx.Conn) {
		s.until("the end of the slot", time.Minute, func() bool {
			_, err := conn.Exec(s.t.Context(), "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL")
			require.NoError(s.t, err)
			_, err = conn.Exec(s.t.Context(), "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE active_pid IS NULL")
			if err != nil {
				return false
			}
			var left int
			require.NoError(s.t, conn.QueryRow(s.t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&left))
			return left == 0
		})
	})
}
