package api

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/support/internal/ticket"
)

type attachmentBody struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Size      int       `json:"size"`
	SHA256    string    `json:"sha256"`
	CreatedAt time.Time `json:"created_at"`
}

func attachmentsOf(m ticket.Message) []attachmentBody {
	out := make([]attachmentBody, len(m.Attachments))
	for i, a := range m.Attachments {
		out[i] = attachmentBody(a)
	}
	return out
}

// sniffed gives the media type that the bytes of a file show, without parameters.
func sniffed(data []byte) string {
	media, _, err := mime.ParseMediaType(http.DetectContentType(data))
	if err != nil || media == "text/plain" && !utf8.Valid(data) {
		return "application/octet-stream"
	}
	return media
}

// attach: 3 state calls and 1 call of the binding; 1 state call for a repeat.
func (h ticketHandlers) attach(w http.ResponseWriter, r *http.Request) error {
	data, err := io.ReadAll(r.Body) // the contract bounds it
	if err != nil {
		return fault.BadField("", "the body could not be read").Because(err)
	}
	declared, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	is := sniffed(data)
	switch {
	case len(data) == 0:
		return fault.BadField("", "is empty")
	case is != declared:
		return fault.New(fault.Unprocessable, "type_mismatch", "The file is not what Content-Type says.").At("Content-Type", "the file looks like "+is)
	}
	a := ticket.NewAttachment(httpapi.Var(r, "attachment"), r.URL.Query().Get("name"), is, data)
	made, err := h.tickets.Attach(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"), httpapi.Var(r, "message"), a, data)
	if err != nil {
		return err
	}
	return httpapi.Write(w, http.StatusOK, attachmentBody(made))
}

// file: 1 state call and 1 call of the binding. Browsers are to save a file, not
// to show it.
func (h ticketHandlers) file(w http.ResponseWriter, r *http.Request) error {
	a, data, err := h.tickets.File(r.Context(), caller.From(r.Context()), httpapi.Var(r, "id"), httpapi.Var(r, "message"), httpapi.Var(r, "attachment"))
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", a.Type)
	if a.Type == "text/plain" {
		head.Set("Content-Type", "text/plain; charset=utf-8")
	}
	head.Set("Content-Length", strconv.Itoa(len(data)))
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(data) //nolint:gosec // saved, not shown: its type is sniffed, and it comes as an attachment, nosniff
	return nil
}
