package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// lostAdvice says what to do about changes that are gone.
const lostAdvice = "The source no longer has the changes since the last stored position: its slot was lost. " +
	"Give the slot more room (max_slot_wal_keep_size) and start again: everything is copied anew."

// misfitAdvice says what to do about a source that is not what was mapped.
const misfitAdvice = "The source is not what was mapped. Map or drop what is new in the mapping, restart the migration with it, and start again: "

// Recheck stops a move whose source is not what was mapped any more. It is to be called
// now and then: a column that is new is mapped by nobody.
func (m *Mover) Recheck(ctx context.Context) error {
	m.mu.Lock()
	running := m.cancel != nil
	m.mu.Unlock()
	if !running || m.config.Fits == nil {
		return nil
	}
	err := m.config.Fits(ctx)
	if !errors.As(err, new(*Misfit)) {
		return err
	}
	if err := m.enter(ctx, progress.Stopped, misfitAdvice+err.Error()); err != nil {
		return err
	}
	m.interrupt()
	return nil
}

// interrupt ends what is under way.
func (m *Mover) interrupt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil {
		m.cancel()
	}
}

// Work moves whenever it is asked to, until ctx ends.
func (m *Mover) Work(ctx context.Context) error {
	restored := m.patiently(ctx, "its own store", func() error { return m.restore(ctx) })
	if restored != nil {
		return nil //nolint:nilerr // told to stop: it is tried until it goes well
	}
	for {
		m.mu.Lock()
		phase := m.run.Phase
		m.mu.Unlock()
		if phase == progress.Copying || phase == progress.Following {
			if err := m.once(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("the move is interrupted", "error", err)
				_ = sleep(ctx, time.Second) // told to stop: that is seen below, or by the next try
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-m.asked:
		}
	}
}

// restore takes up what the journal says.
func (m *Mover) restore(ctx context.Context) error {
	run, err := m.journal.Run(ctx)
	if err != nil {
		return err
	}
	rejected, err := m.journal.Rejected(ctx)
	if err != nil {
		return err
	}
	plans := map[string]*Plan{}
	for _, k := range m.mapping.Kinds() {
		p, err := m.journal.Plan(ctx, k.Name())
		if err != nil {
			return err
		}
		if p != nil {
			plans[k.Name()] = p
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if run.Phase == "" {
		run.Phase, run.Since = progress.Idle, m.now()
	}
	m.run, m.rejected, m.plans = run, rejected, plans
	return nil
}

// once copies what is left and follows, until it is told to stop or cannot go on.
func (m *Mover) once(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.mu.Lock()
	if m.run.Phase != progress.Copying && m.run.Phase != progress.Following { // stopped meanwhile
		m.mu.Unlock()
		return nil
	}
	m.cancel = cancel
	m.mu.Unlock()
	err := m.move(ctx)
	m.mu.Lock()
	m.cancel = nil
	stopped := m.run.Phase == progress.Stopped
	m.mu.Unlock()
	switch {
	case stopped || err == nil:
		return nil
	case errors.Is(err, errRejects):
		return m.enter(context.WithoutCancel(ctx), progress.Stopped, fmt.Sprintf(
			"%d documents or more were rejected. Look at the list, repair the mapping or the rows, and start again.", m.config.Limit))
	case errors.As(err, new(*Misfit)):
		return m.enter(context.WithoutCancel(ctx), progress.Stopped, misfitAdvice+err.Error())
	case errors.Is(err, source.ErrSlotLost):
		return m.enter(context.WithoutCancel(ctx), progress.Failed, lostAdvice)
	case broken(err):
		m.lose(true)
	}
	return err
}

// lose notes that the source is away, or back.
func (m *Mover) lose(away bool) {
	m.mu.Lock()
	was := m.away
	m.away = away
	m.mu.Unlock()
	switch {
	case away && !was:
		m.waitFor(theSource, 1, "see the log")
	case was && !away:
		m.waitFor(theSource, -1, "")
	}
}

// move is one try of the whole: it ends with an error or with ctx.
func (m *Mover) move(ctx context.Context) error {
	m.mu.Lock()
	run := m.run
	m.mu.Unlock()
	if m.config.Fits != nil {
		if err := m.config.Fits(ctx); err != nil {
			return err
		}
	}
	snap, from, err := m.source.Follow(ctx, m.mapping.Tables())
	if err != nil {
		return err
	}
	if snap != nil && run.Began { // it was made only now: what changed before is lost
		snap.Close()
		return errors.Join(source.ErrSlotLost, m.source.Forget(ctx))
	}
	m.lose(false)
	m.mu.Lock()
	m.run.Began = true
	m.run.Position = max(m.run.Position, from)
	m.mu.Unlock()
	if err := m.saveRun(ctx); err != nil {
		return err
	}
	if run.Phase == progress.Copying {
		if err := m.copyFrom(ctx, snap); err != nil {
			return err
		}
		if run.Again {
			for _, k := range m.mapping.Kinds() {
				if err := m.sweep(ctx, k); err != nil {
					return err
				}
			}
		}
		if err := m.enter(ctx, progress.Following, ""); err != nil {
			return err
		}
	} else if snap != nil {
		snap.Close()
	}
	return m.follow(ctx, from)
}

// copyFrom copies what a snapshot has; nil: what there is now, since the first
// snapshot has ended with its process.
func (m *Mover) copyFrom(ctx context.Context, snap source.Snapshot) (err error) {
	if snap == nil {
		if snap, err = m.source.Now(ctx); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	defer snap.Close()
	return m.copyAll(ctx, snap)
}

// enter begins a phase.
func (m *Mover) enter(ctx context.Context, p progress.Phase, reason string) error {
	m.mu.Lock()
	m.run.Phase, m.run.Reason, m.run.Since = p, reason, m.now()
	m.mu.Unlock()
	m.log.Info("the move", "phase", p, "reason", reason)
	return m.saveRun(ctx)
}

func (m *Mover) saveRun(ctx context.Context) error {
	return m.patiently(ctx, "its own store", func() error {
		m.saving.Lock()
		defer m.saving.Unlock()
		m.mu.Lock()
		run := m.run
		m.mu.Unlock()
		return m.journal.SaveRun(ctx, run)
	})
}

// Start begins the move, or goes on with it. After the changes were lost everything is
// copied anew.
func (m *Mover) Start(ctx context.Context) error {
	m.mu.Lock()
	run := m.run
	m.mu.Unlock()
	switch run.Phase {
	case "":
		return fault.New(fault.Unavailable, "not_ready", "The migration has not read its own state yet. Try again.")
	case progress.Copying, progress.Following:
		return nil
	case progress.Failed:
		if err := m.source.Forget(ctx); err != nil {
			return fault.New(fault.Unavailable, "source_away", "The source does not answer.").Because(err)
		}
		fresh := Run{Phase: progress.Copying, Since: m.now(), Again: true, Handed: run.Handed, Strays: run.Strays}
		m.mu.Lock()
		m.run, m.plans = fresh, map[string]*Plan{}
		m.mu.Unlock()
		for _, k := range m.mapping.Kinds() {
			if err := m.journal.DropPlan(ctx, k.Name()); err != nil {
				return err
			}
		}
		if err := m.saveRun(ctx); err != nil {
			return err
		}
	default:
		next := progress.Copying
		if m.copied() {
			next = progress.Following
		}
		if err := m.enter(ctx, next, ""); err != nil {
			return err
		}
	}
	m.ask()
	return nil
}

// copied says whether every kind was copied whole.
func (m *Mover) copied() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.mapping.Kinds() {
		if p := m.plans[k.Name()]; !m.run.Handed[k.Kind()] && (p == nil || p.left()) {
			return false
		}
	}
	return true
}

// Stop ends what is under way; Start goes on with it.
func (m *Mover) Stop(ctx context.Context) error {
	m.mu.Lock()
	running := m.run.Phase == progress.Copying || m.run.Phase == progress.Following
	m.mu.Unlock()
	if !running {
		return nil
	}
	if err := m.enter(ctx, progress.Stopped, "It was told to stop."); err != nil {
		return err
	}
	m.interrupt()
	m.ask()
	return nil
}

func (m *Mover) ask() {
	select {
	case m.asked <- struct{}{}:
	default:
	}
}
