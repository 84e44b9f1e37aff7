package main

import (
	"context"
	"time"
)

// Rest is when the shop takes no more than this beyond what it takes idle.
const (
	restCores = 0.1
	restLook  = 500 * time.Millisecond
	restLimit = 30 * time.Second // then what is still going on counts for the next step
)

// rest waits for what goes on behind the answers: events, mail, history. Its end
// is seen by the shop's own CPU, whatever else the machine does.
func (m *meter) rest(ctx context.Context, o options, idle *Cost) error {
	if m == nil || idle == nil {
		return sleep(ctx, o.tail)
	}
	usual := 0.0
	for role, cores := range idle.Cores {
		if role != loadGenerator {
			usual += cores
		}
	}
	for deadline := time.Now().Add(restLimit); time.Now().Before(deadline); {
		before, err := m.read()
		if err != nil {
			return err
		}
		began := time.Now()
		if err := sleep(ctx, restLook); err != nil {
			return err
		}
		after, err := m.read()
		if err != nil {
			return err
		}
		taken := 0.0
		for role, s := range after.less(before).seconds {
			if role != loadGenerator {
				taken += s
			}
		}
		if taken/time.Since(began).Seconds() <= usual+restCores {
			return nil
		}
	}
	return nil
}

// idle is what the shop takes while nobody asks for anything.
func (m *meter) idle(ctx context.Context, o options) (*Cost, error) {
	if err := sleep(ctx, o.tail); err != nil {
		return nil, err
	}
	before, err := m.read()
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, o.idle); err != nil {
		return nil, err
	}
	after, err := m.read()
	if err != nil {
		return nil, err
	}
	c := &Cost{Cores: map[string]float64{}}
	for role, s := range after.less(before).seconds {
		c.Cores[role] = round(s / o.idle.Seconds())
	}
	return c, nil
}
