package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"tienda/tests/shop"
)

const (
	atOnce   = 3                // faults that last at the same time
	comeBack = 20 * time.Second // how long a process that is to be hit may be away
)

// injector makes faults happen.
type injector struct {
	links *links
	say   func(format string, args ...any)

	mu   sync.Mutex // of shop, which reads its ready file again
	shop *shop.Shop
}

// state is the shop as it is now.
func (i *injector) state() (shop.State, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	err := i.shop.Reload()
	return i.shop.State, err
}

// run makes the faults of a plan happen and tells ended of the end of each.
func (i *injector) run(ctx context.Context, plan []Fault, ended func(Fault, time.Time)) error {
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for n, f := range plan {
		if err := sleep(ctx, f.After); err != nil {
			break
		}
		slots <- struct{}{}
		i.say("fault %d of %d: %s", n+1, len(plan), f)
		wg.Go(func() {
			defer func() { <-slots }()
			if err := i.one(ctx, f); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", f, err))
				return
			}
			ended(f, time.Now())
		})
	}
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func (i *injector) one(ctx context.Context, f Fault) error {
	switch f.Kind {
	case KillService, KillBroker, KillStore, KillMail, KillPay:
		return i.kill(ctx, f.Target, false)
	case KillSidecar:
		return i.kill(ctx, f.Target, true)
	case PauseService, PauseBroker, PauseStore, PausePay:
		return i.pause(ctx, f, false)
	case PauseSidecar:
		return i.pause(ctx, f, true)
	default:
		restore, err := i.links.disturb(f)
		if err != nil {
			return err
		}
		_ = sleep(ctx, f.For)
		return restore()
	}
}

func (i *injector) kill(ctx context.Context, name string, sidecar bool) error {
	return i.hit(ctx, name, sidecar, syscall.SIGKILL, nil)
}

// pause stops a process for a while. One that is killed meanwhile is replaced
// by the runner, and then there is nothing to wake.
func (i *injector) pause(ctx context.Context, f Fault, sidecar bool) error {
	pid := 0
	if err := i.hit(ctx, f.Target, sidecar, syscall.SIGSTOP, &pid); err != nil {
		return err
	}
	_ = sleep(ctx, f.For)
	st, err := i.state()
	if err == nil && pidOf(st, f.Target, sidecar) != pid {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// hit sends a signal to a process of the ready file, once it runs.
func (i *injector) hit(ctx context.Context, name string, sidecar bool, sig syscall.Signal, hit *int) error {
	ctx, cancel := context.WithTimeout(ctx, comeBack)
	defer cancel()
	for {
		st, err := i.state()
		if err != nil {
			return err
		}
		if pid := pidOf(st, name, sidecar); pid != 0 {
			err := syscall.Kill(pid, sig)
			if hit != nil {
				*hit = pid
			}
			if err == nil {
				return nil
			}
			if !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("it does not run: %w", err)
		}
	}
}

func pidOf(st shop.State, name string, sidecar bool) int {
	for _, a := range st.Apps {
		switch {
		case a.Name != name:
		case sidecar:
			return a.SidecarPID
		default:
			return a.PID
		}
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
