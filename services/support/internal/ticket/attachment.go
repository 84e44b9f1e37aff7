package ticket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// The limits of what is attached.
const (
	MaxFile         = 5 << 20 // bytes of one file
	MaxFilesMessage = 5
	MaxFilesTicket  = 50
)

// Errors of attachments.
var (
	ErrNoMessage = fault.Missing("message")
	ErrNoFile    = fault.Missing("attachment")
	ErrNotAuthor = fault.New(fault.Forbidden, "not_author", "Only who has written a message attaches to it.")
	ErrFiles     = fault.New(fault.Conflict, "too_many_attachments", "No more files fit.")
	ErrOtherFile = fault.New(fault.Conflict, "attachment_differs", "There is another attachment with this ID.")
	ErrEnded     = fault.New(fault.Conflict, "ticket_ended", "The ticket has ended. Write to it first.")
)

// errFileLost is a defect: what the ticket names is not what is stored.
var errFileLost = fmt.Errorf("the file is not the one that was attached")

// Attachment is a file that belongs to a message. Its bytes are kept apart.
type Attachment struct {
	ID        string    `json:"id"`   // the client's choice, so that a repeat is none
	Name      string    `json:"name"` // as its author calls it; never a path of ours
	Type      string    `json:"type"` // media type, as its bytes show
	Size      int       `json:"size"` // bytes
	SHA256    string    `json:"sha256"`
	CreatedAt time.Time `json:"created_at"`
}

// NewAttachment describes a file.
func NewAttachment(id, name, media string, data []byte) Attachment {
	return Attachment{ID: id, Name: name, Type: media, Size: len(data), SHA256: sum(data)}
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// key gives what the bytes are kept under: 64 hex digits, of which no client can
// choose any, and others for other bytes. So nothing that is stored is ever
// written over, by two at once neither.
func (a Attachment) key(ticketID string) string {
	return sum([]byte(ticketID + "/" + a.ID + "/" + a.SHA256))
}

// same says whether a repeat means the attachment that is there.
func (a Attachment) same(b Attachment) bool { return a.SHA256 == b.SHA256 && a.Name == b.Name }

// Files keeps the bytes of attachments, under keys of 64 hex digits.
type Files interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
}

// message gives a message that the caller may see.
func (t *Ticket) message(who caller.Caller, id string) (*Message, error) {
	if err := t.VisibleTo(who); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.Messages, func(m Message) bool { return m.ID == id })
	if i < 0 || t.Messages[i].Internal && !who.Is(caller.SupportAgent) {
		return nil, ErrNoMessage
	}
	return &t.Messages[i], nil
}

// Attach adds a file to the caller's own message; one that is there changes
// nothing and gives what is there.
func (t *Ticket) Attach(who caller.Caller, messageID string, a Attachment, now time.Time) (Attachment, error) {
	m, err := t.message(who, messageID)
	if err != nil {
		return Attachment{}, err
	}
	files := 0
	for i := range t.Messages {
		of := &t.Messages[i]
		files += len(of.Attachments)
		j := slices.IndexFunc(of.Attachments, func(b Attachment) bool { return b.ID == a.ID })
		switch {
		case j < 0:
		case of == m && of.Attachments[j].same(a):
			return of.Attachments[j], nil
		default:
			return Attachment{}, ErrOtherFile
		}
	}
	switch {
	case m.AuthorID != who.UserID:
		return Attachment{}, ErrNotAuthor
	case t.Status.Ended():
		return Attachment{}, ErrEnded
	case files >= MaxFilesTicket, len(m.Attachments) >= MaxFilesMessage:
		return Attachment{}, ErrFiles
	}
	a.CreatedAt = now
	m.Attachments = append(slices.Clone(m.Attachments), a)
	t.record(Change{Kind: Attached, Message: *m, By: who.UserID}, now)
	return a, nil
}

// Attach stores a file and adds it to the caller's own message. The bytes are
// stored first: a process that dies in between leaves bytes that nothing names.
func (s *Service) Attach(ctx context.Context, who caller.Caller, id, messageID string, a Attachment, data []byte) (Attachment, error) {
	t, err := s.store.Get(ctx, id)
	if err != nil {
		return Attachment{}, err
	}
	is, err := t.Attach(who, messageID, a, s.now())
	if err != nil || len(t.Changes()) == 0 {
		return is, err
	}
	if err := s.files.Put(ctx, a.key(id), data); err != nil {
		return Attachment{}, err
	}
	_, err = s.store.Update(ctx, id, func(t *Ticket, _ Settings) (err error) {
		is, err = t.Attach(who, messageID, a, s.now())
		return err
	})
	return is, err
}

// File gives an attachment of a message that the caller may see, with its bytes.
func (s *Service) File(ctx context.Context, who caller.Caller, id, messageID, attachmentID string) (Attachment, []byte, error) {
	t, err := s.store.Get(ctx, id)
	if err != nil {
		return Attachment{}, nil, err
	}
	m, err := t.message(who, messageID)
	if err != nil {
		return Attachment{}, nil, err
	}
	i := slices.IndexFunc(m.Attachments, func(a Attachment) bool { return a.ID == attachmentID })
	if i < 0 {
		return Attachment{}, nil, ErrNoFile
	}
	a := m.Attachments[i]
	data, err := s.files.Get(ctx, a.key(id))
	if err != nil {
		return Attachment{}, nil, err
	}
	if sum(data) != a.SHA256 {
		return Attachment{}, nil, fmt.Errorf("ticket %s, attachment %s: %w", id, a.ID, errFileLost)
	}
	return a, data, nil
}
