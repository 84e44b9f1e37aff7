package migration

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/tests/migration/checker"
)

// settleTime is how long lists of the shop may take to show what was stored.
const settleTime = 20 * time.Second

// whole starts the move and waits until everything is stored. It gives how long that took.
func (s *story) whole() (status, time.Duration) {
	s.t.Helper()
	began := time.Now()
	s.start()
	now := s.becomes("following")
	s.drained()
	return now, time.Since(began)
}

// same demands that the checker comes to find nothing, and a verification neither.
func (s *story) same(is checker.Source, door *checker.Shop) report {
	s.t.Helper()
	for end := time.Now().Add(settleTime); ; time.Sleep(time.Second) {
		got, err := checker.Check(s.t.Context(), s.owner, is, door)
		require.NoError(s.t, err)
		if len(got) == 0 {
			break
		}
		require.True(s.t, time.Now().Before(end), "%d differences: %q", len(got), got[:min(len(got), 20)])
	}
	r := s.equal()
	for _, k := range r.Kinds {
		require.Equal(s.t, k.Source-k.Rejected, k.Target, k.Kind)
	}
	return r
}

// sampleShop is a shop that signs in as the sample's staff and customers.
func sampleShop(t *testing.T, db *pgxpool.Pool, gateway string) *checker.Shop {
	t.Helper()
	s := &checker.Shop{URL: gateway}
	for role, into := range map[string]*checker.Account{"catalogue": &s.Catalog, "support": &s.Support, "admin": &s.Admin} {
		var id int64
		require.NoError(t, db.QueryRow(t.Context(), "SELECT id, lower(email) FROM staff WHERE active AND role = $1 ORDER BY id LIMIT 1", role).Scan(&id, &into.Email))
		into.Password = generator.Password(id)
	}
	rows, err := db.Query(t.Context(), "SELECT id, lower(trim(email)) FROM customers")
	require.NoError(t, err)
	for rows.Next() {
		var id int64
		var a checker.Account
		require.NoError(t, rows.Scan(&id, &a.Email))
		a.Password = generator.Password(id)
		s.Customers = append(s.Customers, a)
	}
	require.NoError(t, rows.Err())
	return s
}

// texts gives what a query finds, a text a row.
func texts(t *testing.T, db *pgxpool.Pool, sql string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return out
}

// The whole sample, with nobody writing: nothing is lost, doubled or changed, everybody
// signs in with the old password, and no secret of the source is anywhere.
func TestSampleWhole(t *testing.T) {
	localtest.Needs(t)
	s := tell(t, generator.Options{Size: 60, Seed: 1})
	// What only a larger sample would have: a customer who may not sign in, and times that
	// Madrid's clocks have shown twice, and never.
	_, err := s.owner.Exec(t.Context(), `UPDATE customers SET blocked = id = 60, created_at = CASE id
		WHEN 58 THEN '2017-10-29 02:30:00' WHEN 59 THEN '2018-03-25 02:30:00' ELSE created_at END WHERE id >= 58`)
	require.NoError(t, err)
	door := sampleShop(t, s.owner, s.shop.Gateway)
	now, took := s.whole()
	require.Zero(t, now.Rejects)
	r := s.same(checker.Sample(), door)
	t.Logf("%d documents of %d rows in %.1f s", r.Compared, total(s.report.Rows), took.Seconds())

	secrets := texts(t, s.owner, "SELECT card_number FROM payments WHERE card_number IS NOT NULL UNION SELECT pass_hash FROM customers UNION SELECT pass_hash FROM staff")
	for id := range int64(16) {
		secrets = append(secrets, generator.Password(id))
	}
	needles, err := checker.NewNeedles(secrets...)
	require.NoError(t, err)
	s.nowhere(needles)

	began := time.Now()
	s.sabotaged(door)
	t.Logf("sabotage took %.1f s", time.Since(began).Seconds())

	// The scan would have found one: a customer tells the number of the own card.
	card := texts(t, s.owner, "SELECT card_number FROM payments WHERE card_number IS NOT NULL LIMIT 1")[0]
	_, err = door.Call(t.Context(), door.Customers[0], http.MethodPost, "/v1/tickets", "", map[string]string{"subject": "My card", "message": "It is " + card + "."}, nil)
	require.NoError(t, err)
	s.found(needles, card)
}

func total(rows map[string]int64) (n int64) {
	for _, r := range rows {
		n += r
	}
	return n
}

// nowhere demands that no file of the shop, broker and logs included, and no value of a
// state store has one of the texts.
func (s *story) nowhere(needles *checker.Needles) {
	t, m := s.t, s.shop
	t.Helper()
	hits, size, err := needles.Files(m.DataDir)
	require.NoError(t, err)
	require.Empty(t, hits)
	require.Positive(t, size)
	values, n, err := needles.Stores(t.Context(), m.State)
	require.NoError(t, err)
	require.Empty(t, values)
	require.Greater(t, n, 100)
	t.Logf("%d bytes of files and %d values of stores were scanned", size, n)
}

// found demands that the scan finds a text that is there.
func (s *story) found(needles *checker.Needles, text string) {
	t, m := s.t, s.shop
	t.Helper()
	values, _, err := needles.Stores(t.Context(), m.State)
	require.NoError(t, err)
	require.NotEmpty(t, values)
	for _, texts := range values {
		require.Equal(t, []string{text}, slices.Compact(texts))
	}
	if m.Profile != "local" { // other servers may not have written it to a file yet, or only compressed
		return
	}
	hits, _, err := needles.Files(m.DataDir)
	require.NoError(t, err)
	require.NotEmpty(t, hits)
	renamed := texts(t, s.owner, "SELECT 'products:' || min(id) FROM products WHERE active")[0]
	announced, err := checker.NewNeedles(checker.ID(renamed))
	require.NoError(t, err)
	events, _, err := announced.Files(filepath.Join(m.DataDir, "nats"))
	require.NoError(t, err)
	require.NotEmpty(t, events, "the ID of what a catalog manager renamed was announced")
	t.Logf("the planted number is in %s and %s", slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(hits)))
}
