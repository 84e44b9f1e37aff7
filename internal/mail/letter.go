// Package mail is what an app writes to people: letters, the messages made of
// them, and when a letter that could not be sent is tried again.
//
// A Letter is an order to write. It is committed with the change that it is
// about and holds no secret: its words, and the token in them, are made when it
// is sent (Composer). So a change never loses its mail, and nothing at rest lets
// its reader use a link of somebody else.
package mail

import (
	"cmp"
	"errors"
	netmail "net/mail"
	"strings"
	"time"

	"tienda/internal/fault"
)

// Kind says what a letter is about. It is the name of its templates.
type Kind string

// Patience is how long a letter is tried that does not say so itself.
const Patience = 24 * time.Hour

// Letter is one that is to be written and sent. Its JSON form is how it is
// stored.
type Letter struct {
	ID       string        `json:"id"`
	Kind     Kind          `json:"kind"`
	About    string        `json:"about,omitempty"`  // the document that it is about, in the app's own terms
	Ref      string        `json:"ref,omitempty"`    // and what of it
	Number   int64         `json:"number,omitempty"` // of the letters about that document
	To       string        `json:"to"`               // normal e-mail; "": as the document says
	At       time.Time     `json:"at"`               // of the change
	Patience time.Duration `json:"patience,omitempty"`
	Tries    int           `json:"tries,omitempty"` // that failed
	Trace    string        `json:"trace,omitempty"` // W3C traceparent of the change; "": there is none
}

// Expired says whether it is too late to send the letter.
func (l Letter) Expired(now time.Time) bool {
	return !now.Before(l.At.Add(cmp.Or(l.Patience, Patience)))
}

// Bounds of the pauses between tries of one letter.
const (
	firstPause   = 5 * time.Second
	longestPause = 15 * time.Minute
)

// Failed counts a try that failed and says when the next is due: after 5 s, and
// each time after twice as long, 15 minutes at most.
func (l *Letter) Failed(now time.Time) (due time.Time) {
	pause := longestPause
	if l.Tries < 8 {
		pause = min(firstPause<<l.Tries, longestPause)
	}
	l.Tries++
	return now.Add(pause)
}

// Message is a letter in words. Its text is plain: paragraphs, with empty lines
// between them; a paragraph that is a URL alone is a link.
type Message struct {
	To       string
	Subject  string
	Text     string
	Language string // BCP 47
}

// errMessage refuses what could not be meant: addresses are normal and subjects
// are ours, so it is a defect that got here.
var errMessage = errors.New("mail: an address or a subject that could add a header or a recipient")

// Check refuses a message whose address or subject is more than one.
func (m Message) Check() error {
	a, err := netmail.ParseAddress(m.To)
	if err != nil || a.Address != m.To || strings.ContainsAny(m.To, ";,") || !line(m.To) || !line(m.Subject) || m.Subject == "" {
		return errMessage // the cause would quote the address into the log
	}
	return nil
}

// line says whether a text stays on one line, in any reading.
func line(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0x85 || r == '\u2028' || r == '\u2029'
	})
}

// ErrMoot answers the Composer of a letter that nobody needs any more, or that
// must not be sent.
var ErrMoot = errors.New("mail: not to be sent")

// ErrRefused is behind a Mailer's error when the server has refused this very
// message: others may go through.
var ErrRefused = errors.New("mail: refused by the server")

// ErrFull is what is answered when too many letters wait.
var ErrFull = fault.New(fault.Unavailable, "mail_backlog", "Too much mail is waiting to be sent. Try again.")
