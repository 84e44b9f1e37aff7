package token

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Bounds of the pauses between tries to read the key-encryption key.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// turnLimit bounds one turn of the keeper.
const turnLimit = 10 * time.Second

// errNotDue ends an update of the keys that another replica was faster with.
var errNotDue = errors.New("token: another replica has made the key")

// Keeper gives the part of an app that keeps an issuer in keys: it reads the
// key-encryption key (trying until it has it), reads the signing keys again and
// again, and makes the next one when it is time. Of several replicas one makes
// it, since all decide inside one document. secret answers as NewSealer reads it.
func Keeper(i *Issuer, secret func(context.Context) (string, error), log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		if !i.unlock(ctx, secret, log) {
			return nil // told to stop before it had the key
		}
		failing := false
		for {
			turn, cancel := context.WithTimeout(ctx, turnLimit)
			made, err := i.turn(turn)
			cancel()
			if ctx.Err() != nil {
				return nil //nolint:nilerr // told to stop
			}
			if made {
				log.Info("a new signing key was made")
			}
			if err != nil && !failing {
				log.Error("the signing keys cannot be used as they should, trying again", "error", err)
			}
			failing = err != nil
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(i.cfg.readEvery()):
			}
		}
	}
}

// unlock gives the issuer its key-encryption keys; false: told to stop.
func (i *Issuer) unlock(ctx context.Context, secret func(context.Context) (string, error), log *slog.Logger) bool {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		text, err := secret(ctx)
		if err == nil {
			var s *Sealer
			if s, err = NewSealer(text); err == nil {
				i.sealer.Store(s)
				return true
			}
		}
		if ctx.Err() != nil {
			return false
		}
		log.Warn("no key-encryption key yet, trying again", "error", err, "in", pause)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// turn reads the keys, and makes the next one if it is time.
func (i *Issuer) turn(ctx context.Context) (made bool, err error) {
	read := i.now()
	keys, err := i.store.Keys(ctx)
	if err != nil {
		return false, err
	}
	if keys.due(i.cfg, i.now()) {
		_, err := i.change(ctx, func(k *Keys, fresh SigningKey) error {
			if !k.due(i.cfg, i.now()) {
				return errNotDue
			}
			return k.add(i.cfg, fresh, i.now())
		})
		if !errors.Is(err, errNotDue) {
			return err == nil, err
		}
		read = i.now()
		if keys, err = i.store.Keys(ctx); err != nil {
			return false, err
		}
	}
	return false, i.use(keys, read)
}
