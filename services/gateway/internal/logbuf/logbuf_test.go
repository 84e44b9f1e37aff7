package logbuf

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sink counts the writes.
type sink struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.text.Write(p)
}

func (s *sink) lines() (lines, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), "\n"), s.writes
}

func logger(out *sink) (*slog.Logger, *Buffer) {
	b := New(out)
	return slog.New(b.Handler(slog.NewJSONHandler(b, nil).WithAttrs([]slog.Attr{slog.String("app", "x")}))), b
}

func TestLinesWaitForATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log, b := logger(out)
		for round := 1; round <= 3; round++ {
			for range 10 {
				log.Info("request")
			}
			time.Sleep(longestWait - 1)
			lines, _ := out.lines()
			require.Equal(t, 10*(round-1), lines)
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			lines, writes := out.lines()
			require.Equal(t, 10*round, lines)
			require.Equal(t, round, writes)
			time.Sleep(time.Second)
		}
		require.NoError(t, b.Close())
	})
}

func TestAWarningDoesNotWait(t *testing.T) {
	for name, say := range map[string]func(*slog.Logger){
		"warning":       func(l *slog.Logger) { l.Warn("w") },
		"error":         func(l *slog.Logger) { l.Error("e") },
		"with more":     func(l *slog.Logger) { l.With("a", 1).WithGroup("g").Warn("w") },
		"http.Server's": func(l *slog.Logger) { slog.NewLogLogger(l.Handler(), slog.LevelWarn).Print("tls") },
	} {
		out := &sink{}
		log, b := logger(out)
		log.Info("before")
		say(log)
		lines, writes := out.lines()
		require.Equal(t, 2, lines, name)
		require.Equal(t, 1, writes, name)
		require.NoError(t, b.Close())
	}
}

func TestNothingIsLostAtAStop(t *testing.T) {
	out := &sink{}
	log, b := logger(out)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 500 {
				log.Info("request", "id", fmt.Sprint(i, "-", j))
			}
		})
	}
	all.Wait()
	require.NoError(t, b.Close())
	lines, writes := out.lines()
	require.Equal(t, 4000, lines)
	require.Less(t, writes, 100)
	log.Info("after")
	lines, _ = out.lines()
	require.Equal(t, 4001, lines, "after the end nothing waits")
}
