package main

import (
	"strings"
	"time"
)

// What a card does is in its token, "sandbox_<behaviour>" with anything after it that
// begins with "_": sandbox_approves, sandbox_loses_7. It does so at each step that is
// made with the card; what is late or fails is so the first time that a key is asked for.
const (
	approves        = "approves"               // at once
	declines        = "declines"               // the authorisation
	declinesCapture = "declines_capture"       // it is authorised, and no money comes
	declinesFirst   = "declines_first_capture" // it is authorised, and money comes when it is asked for again
	delays          = "delays"                 // does it, and answers late
	loses           = "loses"                  // does it, and drops the connection, whenever it is asked: only a look-up tells
	fails           = "fails"                  // answers 503 before it does anything
	callsLate       = "calls_late"             // is pending for a while, then approves and calls back
	callsTwice      = "calls_twice"            // approves, and calls back twice with the same event
)

const prefix = "sandbox_"

// behaviours are all of them, the longer of two with the same beginning first.
var behaviours = []string{approves, declinesCapture, declinesFirst, declines, delays, loses, fails, callsLate, callsTwice}

// behaviour gives what a token's card does.
func behaviour(token string) (string, bool) {
	rest, ok := strings.CutPrefix(token, prefix)
	if !ok {
		return "", false
	}
	for _, b := range behaviours {
		if rest == b || strings.HasPrefix(rest, b+"_") {
			return b, true
		}
	}
	return "", false
}

// lateAfter is how long what calls back late is pending.
const lateAfter = 2 * time.Second

// decide says what becomes of a new record; again: such a step was declined before.
func decide(r *record, again bool) {
	switch {
	case r.Does == declines && r.Kind == "authorise", r.Does == declinesCapture && r.Kind == "capture",
		r.Does == declinesFirst && r.Kind == "capture" && !again:
		r.Status, r.Code = "declined", "card_declined"
	case r.Does == callsLate:
		r.DecidesAt, r.Calls = r.CreatedAt.Add(lateAfter), 1
	case r.Does == callsTwice:
		r.Calls = 2
	}
}
