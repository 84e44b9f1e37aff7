package profiletest

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"tienda/internal/daprd"
	"tienda/internal/profile"
)

const startTime = 30 * time.Second

// Postgres starts a private Postgres server with settings ("wal_level=logical") in an
// empty folder dir, for the tests of one package to share. stop ends it and waits for that.
func Postgres(ctx context.Context, dir string, settings ...string) (s *profile.Server, stop func() error, err error) {
	s, err = profile.Open(ctx, profile.Config{Name: "postgres", Dir: filepath.Join(dir, "postgres"), Private: true, Settings: settings})
	if err != nil {
		return nil, nil, err
	}
	var log bytes.Buffer
	cmd := s.Command()
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := daprd.StartChild(cmd); err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	stop = func() error {
		if err := cmd.Process.Signal(s.StopSignal); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("postgres: %w: %s", err, log.String())
		}
		return nil
	}
	for end := time.Now().Add(startTime); ; time.Sleep(50 * time.Millisecond) {
		if err := s.Ready(ctx); err == nil {
			return s, stop, nil
		} else if time.Now().After(end) || ctx.Err() != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return nil, nil, fmt.Errorf("postgres does not start: %w: %s", err, log.String())
		}
	}
}
