package service

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/app"
	"tienda/internal/contract/contracttest"
	"tienda/internal/fault"
	"tienda/services/migration/internal/api"
	"tienda/services/migration/internal/progress/progresstest"
)

// Until the source can be opened every question is answered with why; then by the core,
// whose parts run.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, began := progresstest.Midway(time.Now()), time.Now()
		ran := false
		c := Late(func(context.Context) (Core, error) {
			switch since := time.Since(began); {
			case since < 8*time.Second:
				return Core{}, fault.New(fault.Unavailable, "no_source", "The secret is empty.")
			case since < 18*time.Second:
				return Core{}, errors.New("password=x is refused")
			}
			return Core{Control: fake, Parts: []app.Part{func(ctx context.Context) error {
				ran = true
				<-ctx.Done()
				return nil
			}}}, nil
		}, quiet)
		s := contracttest.New(t, AppID, api.Routes(c.Control))
		all := func(status int, says string) {
			t.Helper()
			for _, r := range api.Routes(c.Control) {
				if !strings.HasPrefix(r.Path, "/v1/") {
					continue
				}
				a := s.Do(t, contracttest.Request{Method: r.Method, Path: r.Path})
				if status/100 == 2 {
					require.Equal(t, 2, a.Status/100, r.Path)
					continue
				}
				require.Equal(t, status, a.Status, r.Path)
				require.Contains(t, string(a.Body), says)
				require.NotContains(t, string(a.Body), "password")
			}
		}
		all(http.StatusServiceUnavailable, "source_away")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- app.Run(ctx, c.Parts...) }()
		time.Sleep(time.Second)
		all(http.StatusServiceUnavailable, "no_source")
		time.Sleep(10 * time.Second)
		all(http.StatusServiceUnavailable, "source_away")
		time.Sleep(10 * time.Second)
		all(http.StatusOK, "")
		require.Equal(t, []string{"start", "stop", "retry", "verify", "repair"}, fake.Did())
		stop()
		require.NoError(t, <-done)
		require.True(t, ran)
	})
}

func TestLateStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := Late(func(ctx context.Context) (Core, error) {
		stop()
		return Core{}, ctx.Err()
	}, quiet)
	require.NoError(t, app.Run(ctx, c.Parts...), "told to stop before it could be opened")
}
