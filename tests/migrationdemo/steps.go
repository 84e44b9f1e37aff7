package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// step is a change of hands, and what is done when it is through.
type step struct {
	service, do, stage string
	then               func(*demo, context.Context) error
}

// story is the move: each service goes over, comes back with what was made in the shop, and
// goes over again.
var story = []step{
	{"catalog", "begin", "shop", (*demo).stray},
	{"catalog", "rollback", "monolith", (*demo).righted},
	{"catalog", "begin", "shop", nil},
	{"users", "begin", "shop", nil},
	{"orders", "begin", "shop", nil},
	{"orders", "rollback", "monolith", nil},
	{"orders", "begin", "shop", nil},
	{"support", "begin", "shop", nil},
	{"support", "rollback", "monolith", nil},
	{"support", "begin", "shop", nil},
	{"users", "rollback", "monolith", nil},
	{"users", "begin", "shop", nil},
}

// services are those that change hands, in their order.
var services = []string{"catalog", "users", "orders", "support"}

// hands is who is in charge of a service.
type hands struct {
	Service string  `json:"service"`
	Stage   string  `json:"stage"`
	Reason  string  `json:"reason"`
	Pause   float64 `json:"pause_seconds"`
}

func (d *demo) hands(ctx context.Context) ([]hands, error) {
	var all struct {
		Services []hands `json:"services"`
	}
	return all.Services, d.ask(ctx, http.MethodGet, "/cutover", nil, &all)
}

// change has a service change hands, up to three times where a try is given up.
func (d *demo) change(ctx context.Context, s step) error {
	now := hands{}
	for range 3 {
		if err := d.ask(ctx, http.MethodPost, "/cutover/"+s.service, map[string]string{"do": s.do}, nil); err != nil {
			return err
		}
		var err error
		if now, err = d.carriedOut(ctx, s); err != nil {
			return err
		}
		if now.Stage == s.stage {
			if s.do != "finish" {
				d.say("%s %s: writes were held for %.3f s", s.service, s.do, now.Pause)
				d.step(s.service+" "+s.do, now.Pause)
			}
			return nil
		}
		d.say("%s %s was given up: %s", s.service, s.do, now.Reason)
	}
	return fmt.Errorf("%s %s: %s", s.service, s.do, now.Reason)
}

// carriedOut waits until a service is in somebody's hands.
func (d *demo) carriedOut(ctx context.Context, s step) (now hands, err error) {
	seen := ""
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		all, err := d.hands(ctx)
		if err != nil {
			return now, err
		}
		for _, h := range all {
			if h.Service == s.service {
				now = h
			}
		}
		if now.Stage != seen {
			seen = now.Stage
			d.say("%s %s: %s", s.service, s.do, seen)
		}
		switch seen {
		case "monolith", "shop", "finished":
			return now, nil
		}
	}
	return now, errors.New(s.service + " is in nobody's hands")
}

// finish ends the move: nothing is written back any more.
func (d *demo) finish(ctx context.Context) error {
	for _, service := range services {
		if err := d.change(ctx, step{service, "finish", "finished", nil}); err != nil {
			return err
		}
	}
	return nil
}

// strayed is what somebody's program sets prices to that was never told of the move.
const strayed = "98765.43"

// stray has it write to the monolith's table, past the gateway, what the shop is in charge of.
func (d *demo) stray(ctx context.Context) error {
	if _, err := d.owner.Exec(ctx, "UPDATE product_variants SET price = "+strayed+" WHERE id = (SELECT min(id) FROM product_variants)"); err != nil {
		return fmt.Errorf("stray write: %w", err)
	}
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var s status
		if err := d.ask(ctx, http.MethodGet, "", nil, &s); err != nil {
			return err
		}
		if n, key := s.strays(); n > 0 {
			d.say("somebody changes a price in the monolith's table, past the gateway: %d stray write of %s was counted, and not taken over", n, key)
			return nil
		}
	}
	return errors.New("a write past the gateway was not noticed")
}

// righted says that the rollback has put right what the stray write has changed.
func (d *demo) righted(ctx context.Context) error {
	var n int
	if err := d.owner.QueryRow(ctx, "SELECT count(*) FROM product_variants WHERE price = "+strayed).Scan(&n); err != nil {
		return fmt.Errorf("stray write: %w", err)
	}
	if n > 0 {
		return errors.New("the rollback has left the stray write as it was")
	}
	d.say("the rollback has put the stray write right")
	return nil
}
