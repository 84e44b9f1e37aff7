package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/valyala/fasthttp"

	"tienda/internal/caller"
	"tienda/monolith/generator"
	"tienda/monolith/local"
	"tienda/monolith/schema"
	"tienda/tests/bench/plan"
	"tienda/tests/shop"
)

// The move: what is in the monolith is the same for each run of a size.
const (
	moveSeed    = 1
	moveHashed  = 400              // accounts with passwords, which come after the copy
	moveWorkers = 4                // who send at the same time, as the mover's default has it
	moveLimit   = 10 * time.Minute // for the copy, and for the verification
)

// Migration is what the move of a monolith costs.
type Migration struct {
	Profile   string  `json:"profile"`
	Customers int     `json:"customers"`
	Documents int     `json:"documents"`
	Rows      int64   `json:"rows"`       // that they are made of
	Seconds   float64 `json:"seconds"`    // from the start until it follows
	PerSecond float64 `json:"per_second"` // documents, none of them with a password to hash
	// RowsPerSecond are the rows that these are made of.
	RowsPerSecond float64     `json:"rows_per_second"`
	Kinds         []MovedKind `json:"kinds"`
	Hashed        MovedKind   `json:"hashed"` // accounts with passwords, while it follows
	// Floor are the same documents in a bare loop of bulk writes, one after the other.
	// FloorAtOnce are as many such loops at once as the migration has, which is what the
	// machine can do, and FloorTx as many of transactions.
	Floor       Floor `json:"floor"`
	FloorAtOnce Floor `json:"floor_at_once"`
	FloorTx     Floor `json:"floor_transactions"`
	// Kept are the documents that the stores have in the end, in a loop of transactions.
	Kept  Floor       `json:"floor_kept"`
	Calls plan.Counts `json:"calls"` // of the sidecars, per document
	// CPU seconds of the copy by process; -d: a sidecar; "store" is the profile's server, and
	// "monolith" the monolith's database.
	CPU      map[string]float64 `json:"cpu_s"`
	Busy     float64            `json:"busy"` // the share of the machine's CPU time that was used during the copy
	Steps    []Step             `json:"steps"`
	Rate     float64            `json:"sustained_writes_per_second"` // the most with a lag below a second
	Verified float64            `json:"verified_s"`                  // how long the verification took, which found all equal
	Load     string             `json:"load"`                        // load averages at the begin and at the end
}

// MovedKind is how fast documents of a kind were moved, other owners' at the same time, and
// the floor of the same ones, which have the machine for themselves.
type MovedKind struct {
	Kind      string  `json:"kind"`
	Documents int     `json:"documents"`
	PerSecond float64 `json:"per_second"`
	Floor     float64 `json:"floor_per_second,omitempty"`
}

// moving is a monolith on its way.
type moving struct {
	*Migration
	http     *fasthttp.Client
	shop     *shop.Shop
	database *local.Database
	token    string
	passHash string // of an employee, as the monolith has it
}

// measureMigration moves a sample monolith into an empty shop on a profile, lets customers
// write at growing rates, verifies, and writes the same documents bare.
func measureMigration(ctx context.Context, m *meter, r *Report, customers int, profile, bin, dir string) (err error) {
	v := &moving{Migration: &Migration{Profile: profile, Customers: customers, Load: loadAverage()}, http: client(16)}
	r.Migration = v.Migration
	fmt.Println("== a monolith of", customers, "customers")
	if v.database, err = local.Open(ctx, local.Config{Dir: filepath.Join(dir, "monolith")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.database.Close()) }()
	if err := v.fill(ctx); err != nil {
		return err
	}
	fmt.Println("== the shop and the migration on", profile)
	if err := v.start(ctx, bin, filepath.Join(dir, "shop")); err != nil {
		return err
	}
	defer v.shop.Stop()
	m.processes = processesOf(v.shop)
	if err := v.copy(ctx, m); err != nil {
		return err
	}
	kept, err := keptDocuments(ctx, v.shop.State)
	if err != nil {
		return err
	}
	sent, err := v.sent(ctx)
	if err != nil {
		return err
	}
	if err := v.hash(ctx); err != nil {
		return err
	}
	if m.only.MatchString("rates") {
		if err := v.follow(ctx); err != nil {
			return err
		}
	}
	if err := v.verify(ctx); err != nil {
		return err
	}
	v.shop.Stop() // the floors have the machine for themselves
	if m.only.MatchString("floors") {
		if err := v.floors(ctx, sent, kept, filepath.Join(dir, "bare")); err != nil {
			return err
		}
	}
	v.Load += " .. " + loadAverage()
	return nil
}

// fill makes the rows. Nobody keeps a password: what hashing costs is told apart.
func (v *moving) fill(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, v.database.OwnerDSN)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := generator.Fill(ctx, conn, generator.Options{Size: v.Customers, Seed: moveSeed}); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, "SELECT min(pass_hash) FROM staff").Scan(&v.passHash); err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	for _, sql := range []string{
		"ALTER TABLE customers ALTER COLUMN pass_hash DROP NOT NULL",
		"UPDATE customers SET pass_hash = NULL, pass_salt = NULL",
		"UPDATE staff SET pass_hash = ''",
		"ANALYZE",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("monolith: %s: %w", sql, err)
		}
	}
	rows, err := generator.Count(ctx, conn)
	if err != nil {
		return err
	}
	for _, table := range schema.Mapped() {
		v.Rows += rows[table]
	}
	return nil
}

// start runs the shop with the migration, which is told where the monolith is.
func (v *moving) start(ctx context.Context, bin, dir string) error {
	secrets := filepath.Join(dir, ".data", "migration-secrets.json")
	b, err := json.Marshal(map[string]string{"monolith-dsn": v.database.MigrationDSN})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(secrets), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(secrets, b, 0o600); err != nil {
		return err
	}
	v.shop, err = shop.Start(ctx, shop.Options{
		Bin: bin, Dir: dir, Profile: v.Profile, NoSeed: true,
		With: []string{filepath.Join("dapr", "migration", "dapr.yaml")}, Env: []string{"MIGRATION_MAPPING=monolith"},
	})
	if err != nil {
		return err
	}
	tokens, err := v.shop.Tokens()
	v.token = tokens["APP_API_TOKEN"]
	return err
}

// ask calls an app at its own door, as the migration does past its sidecar.
func (v *moving) ask(ctx context.Context, app, method, path, body string, out any) error {
	at := "http://127.0.0.1:" + strconv.Itoa(v.shop.Of(app)[0].Port) + path
	headers := []string{"dapr-api-token", v.token}
	if app != "migration" {
		headers = append(headers, caller.HeaderApp, "migration")
	}
	b, err := send(ctx, v.http, method, at, body, headers...)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// moveStatus is what the bench reads of the migration's status.
type moveStatus struct {
	Phase    string  `json:"phase"`
	Reason   string  `json:"reason"`
	Rejects  int64   `json:"rejects"`
	LagSecs  float64 `json:"lag_seconds"`
	LagBytes int64   `json:"lag_bytes"`
	Changes  int64   `json:"changes"`
	Kinds    []struct {
		Kind    string  `json:"kind"`
		Copied  int     `json:"copied"`
		Rate    float64 `json:"rate"`
		Changed int     `json:"changed"`
	} `json:"kinds"`
}

// changed says how many documents of a kind were written anew since the copy.
func (s moveStatus) changed(kind string) (n int) {
	for _, k := range s.Kinds {
		if k.Kind == kind {
			n += k.Changed
		}
	}
	return n
}

func (v *moving) status(ctx context.Context) (s moveStatus, err error) {
	err = v.ask(ctx, "migration", http.MethodGet, "/v1/migration", "", &s)
	if err == nil && (s.Phase == "stopped" || s.Phase == "failed" || s.Rejects > 0) {
		err = fmt.Errorf("the move is %s: %s %d rejects", s.Phase, s.Reason, s.Rejects)
	}
	return s, err
}

// copy moves all that there is.
func (v *moving) copy(ctx context.Context, m *meter) error {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	before, err := counted(ctx, metricsPorts(v.shop))
	if err != nil {
		return err
	}
	used, err := v.usage(m)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := v.ask(ctx, "migration", http.MethodPost, "/v1/migration/start", "", nil); err != nil {
		return err
	}
	s := moveStatus{}
	for s.Phase != "following" {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the copy is not done: %w", err)
		}
		if s, err = v.status(ctx); err != nil {
			return err
		}
	}
	v.Seconds = time.Since(began).Seconds()
	now, err := v.usage(m)
	if err != nil {
		return err
	}
	v.CPU, v.Busy = now.since(used)
	after, err := counted(ctx, metricsPorts(v.shop))
	if err != nil {
		return err
	}
	for _, k := range s.Kinds {
		v.Documents += k.Copied
		v.Kinds = append(v.Kinds, MovedKind{Kind: k.Kind, Documents: k.Copied, PerSecond: k.Rate})
	}
	v.Calls = after.Per(before, float64(v.Documents))
	v.PerSecond, v.RowsPerSecond = float64(v.Documents)/v.Seconds, float64(v.Rows)/v.Seconds
	fmt.Printf("   moved: %d documents in %.1f s, %.0f/s, of %.0f rows/s; %.0f %% of the machine's CPU time\n",
		v.Documents, v.Seconds, v.PerSecond, v.RowsPerSecond, 100*v.Busy)
	return nil
}

// usage is what CPU time was used for up to a moment.
type usage struct {
	busy, idle float64
	by         map[string]float64
}

func (v *moving) usage(m *meter) (u usage, err error) {
	u.busy, u.idle, err = cpuSeconds()
	u.by = m.cpuByProcess()
	delete(u.by, v.Profile) // the server, without its children
	u.by["store"] = v.storeSeconds()
	if at, err := pgx.ParseConfig(v.database.AdminDSN); err == nil {
		u.by["monolith"] = serverSeconds(strconv.Itoa(int(at.Port)))
	}
	return u, err
}

// since gives the seconds by process since an earlier moment, and the share of all that was used.
func (u usage) since(before usage) (by map[string]float64, busy float64) {
	by = map[string]float64{}
	for name, seconds := range u.by {
		if used := seconds - before.by[name]; used >= 0.05 {
			by[name] = math.Round(used*100) / 100
		}
	}
	busy = u.busy - before.busy
	return by, math.Round(100*busy/max(busy+u.idle-before.idle, 0.01)) / 100
}

// hash has employees with passwords come at once while it follows, and takes the time until
// users has them all.
func (v *moving) hash(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, v.database.OwnerDSN)
	if err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	s, err := v.status(ctx)
	if err != nil {
		return err
	}
	all, began := s.changed("staff")+moveHashed, time.Now()
	if _, err := conn.Exec(ctx, `INSERT INTO staff (id, email, full_name, role, pass_hash)
		SELECT 1000 + n, 'clerk.' || n || '@tienda.example', 'Clerk ' || n, 'support', $1 FROM generate_series(1, $2::integer) n`, v.passHash, moveHashed); err != nil {
		return fmt.Errorf("monolith: %w", err)
	}
	for s.changed("staff") < all {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the passwords are not hashed: %w", err)
		}
		if s, err = v.status(ctx); err != nil {
			return err
		}
	}
	v.Hashed = MovedKind{Kind: "staff", Documents: moveHashed, PerSecond: moveHashed / time.Since(began).Seconds()}
	fmt.Printf("   accounts with a password to hash: %.0f/s\n", v.Hashed.PerSecond)
	return nil
}

// verify has the migration prove that all is there: a figure of a move that lost
// something is worth nothing.
func (v *moving) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, moveLimit)
	defer cancel()
	began := time.Now()
	if err := v.ask(ctx, "migration", http.MethodPost, "/v1/migration/verify", "", nil); err != nil {
		return err
	}
	for {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("the verification is not done: %w", err)
		}
		var r struct {
			Running, Equal bool
			Error          string
			Compared       int64
		}
		if err := v.ask(ctx, "migration", http.MethodGet, "/v1/migration/verify", "", &r); err != nil {
			return err
		}
		if r.Running {
			continue
		}
		if !r.Equal {
			return fmt.Errorf("the verification finds differences: %+v", r)
		}
		v.Verified = time.Since(began).Seconds()
		fmt.Printf("   verified: %d documents in %.1f s, all equal\n", r.Compared, v.Verified)
		return nil
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
