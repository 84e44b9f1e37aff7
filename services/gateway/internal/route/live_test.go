package route

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const small = `
defaults: {max_body_bytes: 10, timeout: 1s}
limits: {address: {by: address, quota: 5, window: 10s}}
routes:
  - {path: /v1/a, methods: [GET], app: one, access: public}
`

func writeTable(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

func TestATableIsReplacedWhenItsFileChanges(t *testing.T) {
	file := t.TempDir() + "/routes.yaml"
	writeTable(t, file, small)
	var log bytes.Buffer
	l, err := Open(file, nil, 3, nil, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	app := func() string { r, _ := l.Table().Match("GET", "/v1/a"); return r.App }
	first, _ := l.Table().Match("GET", "/v1/a")
	require.Equal(t, 15, first.First[0].Quota, "times the factor")

	require.NoError(t, l.Reload())
	require.Equal(t, Stats{Loads: 1}, l.Stats(), "nothing has changed")

	writeTable(t, file, strings.ReplaceAll(small, "app: one", "app: two"))
	require.NoError(t, l.Reload())
	require.Equal(t, "two", app())
	require.Equal(t, "one", first.App, "a request under way keeps its route")
	require.Equal(t, Stats{Loads: 2}, l.Stats())

	writeTable(t, file, strings.ReplaceAll(small, "/v1/a", "/internal/a"))
	require.ErrorContains(t, l.Reload(), "/internal is not for the public")
	require.NoError(t, l.Reload(), "said once")
	require.Equal(t, "two", app(), "the old table stays")
	require.Equal(t, Stats{Loads: 2, Refused: 1, Bad: true}, l.Stats())

	require.NoError(t, os.Remove(file))
	require.NoError(t, l.Reload(), "it was bad before")
	require.Equal(t, "two", app())
	writeTable(t, file, small)
	require.NoError(t, l.Reload())
	require.Equal(t, "one", app())
	require.NoError(t, os.Remove(file))
	require.ErrorContains(t, l.Reload(), "no such file")
	require.True(t, l.Stats().Bad)
	writeTable(t, file, small)
	require.NoError(t, l.Reload())
	require.False(t, l.Stats().Bad, "it is back, as it was")
	require.Contains(t, log.String(), "the route table is replaced")
}

func TestWatchLooksEachSecondAndWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := t.TempDir() + "/routes.yaml"
		writeTable(t, file, small)
		l, err := Open(file, nil, 1, nil, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		now := make(chan os.Signal)
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, l.Watch(ctx, now)) })
		writeTable(t, file, strings.ReplaceAll(small, "one", "two"))
		time.Sleep(lookEvery) // of the bubble's clock
		synctest.Wait()
		require.EqualValues(t, 2, l.Stats().Loads)
		writeTable(t, file, strings.ReplaceAll(small, "one", "three"))
		now <- os.Interrupt
		synctest.Wait()
		require.EqualValues(t, 3, l.Stats().Loads, "without waiting")
		stop()
		wg.Wait()
	})
}

func TestTheBuiltInTableStays(t *testing.T) {
	l, err := Open("", []byte(small), 1, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, l.Reload())
	_, err = Open(t.TempDir()+"/none", nil, 1, nil, nil)
	require.ErrorContains(t, err, "no such file")
	_, err = Open("", []byte("routes: []"), 1, nil, nil)
	require.ErrorContains(t, err, "there are none")
}
