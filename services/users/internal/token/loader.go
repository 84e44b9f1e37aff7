package token

import (
	"context"
	"log/slog"
	"time"
)

// Bounds of the pauses between tries to read the key.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// Loader gives the part of an app that reads the signing key, trying until it
// has it. read answers with the PEM.
func Loader(i *Issuer, read func(context.Context) (string, error), log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		for pause := firstPause; ; pause = min(2*pause, longestPause) {
			pem, err := read(ctx)
			if err == nil {
				err = i.UseKey(pem)
			}
			if err == nil {
				log.Info("signing key read", "kid", i.keys.Load().set.Keys[0].ID)
				return nil
			}
			if ctx.Err() != nil {
				return nil //nolint:nilerr // told to stop before it had the key
			}
			log.Warn("no signing key yet, trying again", "error", err, "in", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
		}
	}
}
