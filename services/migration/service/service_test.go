package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"tienda/internal/app"
	"tienda/internal/contract/contracttest"
	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/progress/progresstest"
	"tienda/services/migration/internal/routing"
)

var quiet = slog.New(slog.DiscardHandler)

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func deps(m map[string]string) app.Deps {
	return app.Deps{Config: app.Config{AppID: AppID, AppToken: "t"}, Log: quiet, Sidecar: &sidecar.Sidecar{}, Getenv: env(m)}
}

// core gives a NewCore of a fake, and remembers what it was made with.
func core(c *progresstest.Control, with *Config) NewCore {
	return func(_ context.Context, cfg Config, _ DSN, _ app.Deps, _ *routing.Desk) (Core, error) {
		*with = cfg
		return Core{Control: c, Parts: []app.Part{func(context.Context) error { return nil }}}, nil
	}
}

func TestLoadConfig(t *testing.T) {
	c, err := LoadConfig(env(nil))
	require.NoError(t, err)
	require.Equal(t, Config{Slot: "tienda_migration", Publication: "tienda_migration", RejectLimit: 100, Chunk: 1000}, c)
	c, err = LoadConfig(env(map[string]string{
		"MIGRATION_MAPPING": "northwind", "MIGRATION_SLOT": "s", "MIGRATION_PUBLICATION": "p", "MIGRATION_REJECT_LIMIT": "7", "MIGRATION_CHUNK": "5", "MIGRATION_AUTOSTART": "1",
	}))
	require.NoError(t, err)
	require.Equal(t, Config{Mapping: "northwind", Slot: "s", Publication: "p", RejectLimit: 7, Chunk: 5, Autostart: true}, c)
	bad := map[string]string{
		"MIGRATION_SLOT": "a;b", "MIGRATION_PUBLICATION": "A", "MIGRATION_REJECT_LIMIT": "0", "MIGRATION_CHUNK": "0", "MIGRATION_AUTOSTART": "yes",
	}
	_, err = LoadConfig(env(bad))
	for variable := range bad {
		require.ErrorContains(t, err, variable)
	}
}

func TestBuild(t *testing.T) {
	c, with := progresstest.Midway(time.Now()), Config{}
	built, err := Build(core(c, &with))(t.Context(), deps(map[string]string{"MIGRATION_MAPPING": "northwind", "MIGRATION_CHUNK": "7"}))
	require.NoError(t, err)
	require.Equal(t, "northwind", with.Mapping)
	require.Equal(t, 7, with.Chunk)
	require.Len(t, built.Parts, 1)
	s := contracttest.New(t, AppID, built.Routes)
	require.Equal(t, http.StatusAccepted, s.Do(t, contracttest.Request{Method: "POST", Path: "/v1/migration/stop"}).Status)
	require.Equal(t, []string{"stop"}, c.Did())

	built, err = Build(core(c, &with))(t.Context(), deps(map[string]string{"MIGRATION_MAPPING": "northwind", "MIGRATION_AUTOSTART": "1"}))
	require.NoError(t, err)
	require.Len(t, built.Parts, 2, "the core's, and the start")
}

func TestBuildRefuses(t *testing.T) {
	fails := func(context.Context, Config, DSN, app.Deps, *routing.Desk) (Core, error) {
		return Core{}, errors.New("no such mapping")
	}
	_, err := Build(fails)(t.Context(), deps(map[string]string{"MIGRATION_MAPPING": "x"}))
	require.ErrorContains(t, err, "no such mapping")
	_, err = Build(fails)(t.Context(), deps(map[string]string{"MIGRATION_CHUNK": "x"}))
	require.ErrorContains(t, err, "MIGRATION_CHUNK")
	d := deps(nil)
	d.Config.AppToken, d.Config.AllowNoAppToken = "", true
	_, err = Build(fails)(t.Context(), d)
	require.ErrorContains(t, err, "APP_API_TOKEN")
}

// Without a mapping the app runs, and says what it lacks.
func TestWithoutAMapping(t *testing.T) {
	built, err := Build(nil)(t.Context(), deps(map[string]string{"MIGRATION_AUTOSTART": "1"}))
	require.NoError(t, err)
	require.Empty(t, built.Parts, "there is nothing to start")
	s := contracttest.New(t, AppID, built.Routes)
	for _, r := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "", 200, "MIGRATION_MAPPING"}, {"GET", "/preflight", 200, `"status":"blocked"`}, {"GET", "/rejects", 200, `"items":[]`}, {"GET", "/verify", 404, "not_found"},
		{"POST", "/start", 409, "no_mapping"}, {"POST", "/stop", 202, "idle"}, {"POST", "/verify", 409, "no_mapping"},
		{"POST", "/repair", 409, "no_mapping"}, {"POST", "/rejects/retry", 409, "no_mapping"},
	} {
		a := s.Do(t, contracttest.Request{Method: r.method, Path: "/v1/migration" + r.path})
		require.Equal(t, r.status, a.Status, "%+v", r)
		require.Contains(t, string(a.Body), r.says)
	}
}

// store is a secret store.
type store map[string]string

func (s store) GetSecret(_ context.Context, component, key string, _ map[string]string) (map[string]string, error) {
	if component != SecretStore || s == nil {
		return nil, errors.New("away")
	}
	return map[string]string{key: s[key]}, nil
}

func TestDSN(t *testing.T) {
	dsn, err := secretDSN(store{SecretName: "host=old-shop"})(t.Context())
	require.NoError(t, err)
	require.Equal(t, "host=old-shop", dsn)
	_, err = secretDSN(store{})(t.Context())
	require.Equal(t, "no_source", fault.CodeOf(err))
	_, err = secretDSN(store(nil))(t.Context())
	require.Equal(t, "secrets_unavailable", fault.CodeOf(err))
}

func TestFigures(t *testing.T) {
	c := progresstest.Midway(time.Now())
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(figures{c, uncut{}, quiet})
	shown := func() string {
		w := httptest.NewRecorder()
		promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	text := shown()
	for _, line := range []string{
		`known 1`, `lag_bytes 1.048576e+06`, `lag_seconds 1.5`, `log_left_bytes 1.073741824e+09`, `rejects 1`, `reject_limit 100`,
		`phase{phase="copying"} 1`, `phase{phase="idle"} 0`, `phase{phase="failed"} 0`, `rows{kind="orders"} 830`, `rows_copied{kind="orders"} 414`,
		`rows_copied{kind="tickets"} 0`, `documents_changed{kind="products"} 2`, `stray{kind="products"} 3`, `unequal{what="missing"} 1`, `unequal{what="extra"} 0`,
	} {
		require.Contains(t, text, "\ntienda_migration_"+line+"\n")
	}
	c.Reported(progress.Report{Verdict: progress.Verdict{Running: true}})
	require.NotContains(t, shown(), "unequal", "nothing is known before it has ended")

	c.Fail(errors.New("the store is away"))
	require.Contains(t, shown(), "tienda_migration_known 0\n", "the other figures of the app stay readable")
	require.NotContains(t, shown(), "tienda_migration_phase")
}

func TestAutostart(t *testing.T) {
	for name, tt := range map[string]struct {
		phase    progress.Phase
		findings []progress.Finding
		err      error
		want     []string
	}{
		"begins":                      {phase: progress.Idle, want: []string{"start"}},
		"goes on":                     {phase: progress.Copying, want: []string{"start"}},
		"leaves what was stopped":     {phase: progress.Stopped},
		"leaves what has failed":      {phase: progress.Failed},
		"waits for its own state":     {phase: ""},
		"tries a refused start once":  {phase: progress.Idle, findings: []progress.Finding{{Level: progress.Blocked}}, want: []string{"start"}},
		"waits for what is away":      {phase: progress.Idle, err: fault.New(fault.Unavailable, "no_source", "Away."), want: []string{"start"}},
		"waits for what is not known": {phase: progress.Idle, err: errors.New("broken"), want: []string{"start"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &progresstest.Control{}
				c.Set(func(s *progress.Status) { s.Phase = tt.phase })
				c.Finds(tt.findings...)
				c.Fail(tt.err)
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				time.AfterFunc(12*time.Second, func() {
					c.Fail(nil)
					if tt.phase == "" { // it turns out to have been stopped
						c.Set(func(s *progress.Status) { s.Phase = progress.Stopped })
					}
				})
				require.NoError(t, autostart(c, againEvery, quiet)(ctx))
				require.NoError(t, ctx.Err(), "it ends by itself")
				require.Equal(t, tt.want, c.Did())
			})
		})
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	c := &progresstest.Control{}
	c.Fail(errors.New("broken"))
	require.NoError(t, autostart(c, againEvery, quiet)(stopped), "told to stop meanwhile")
}
