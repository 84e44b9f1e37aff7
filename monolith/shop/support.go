package shop

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/jackc/pgx/v5"

	"tienda/internal/fault"
)

const maxText = 10_000 // bytes of a message

// NewTicket is the body of POST /legacy/tickets; the answer is {"id": 77}.
type NewTicket struct {
	CustomerID int64  `json:"customer_id"`
	Order      string `json:"order,omitempty"` // the number of one of the customer's
	Subject    string `json:"subject"`
	Topic      string `json:"topic,omitempty"` // pedido, producto or cuenta
	Text       string `json:"text"`
}

// NewMessage is the body of POST /legacy/tickets/{id}/messages; the answer is {"id": 77}.
type NewMessage struct {
	StaffID  int64  `json:"staff_id,omitempty"` // 0: the customer writes
	Text     string `json:"text"`
	Internal bool   `json:"internal,omitempty"` // for the staff's eyes, of the staff alone
}

// NewReturn is the body of POST /legacy/returns; the answer is {"id": 77}. The order is
// one of a customer that was delivered; no more may be returned than was bought.
type NewReturn struct {
	Order string       `json:"order"` // its number
	Lines []ReturnLine `json:"lines"` // each SKU once
}

// ReturnLine is what goes back, and why: roto, equivocado, no_lo_quiero or otro.
type ReturnLine struct {
	Line
	Reason string `json:"reason"`
}

func (s *shop) openTicket(w http.ResponseWriter, r *http.Request) error {
	var in NewTicket
	if err := read(r, &in); err != nil {
		return err
	}
	switch {
	case in.Subject == "" || len(in.Subject) > 200:
		return fault.BadField("/subject", "is missing or longer than 200 bytes")
	case in.Text == "" || len(in.Text) > maxText:
		return fault.BadField("/text", "is missing or longer than 10000 bytes")
	case in.Topic != "" && !slices.Contains([]string{"pedido", "producto", "cuenta"}, in.Topic):
		return fault.BadField("/topic", "is not pedido, producto or cuenta")
	}
	var out created
	err := s.transact(r.Context(), func(tx pgx.Tx) error {
		var orderID any
		if in.Order != "" {
			var n int64
			err := tx.QueryRow(r.Context(), "SELECT id FROM orders WHERE number = $1 AND customer_id = $2", in.Order, in.CustomerID).Scan(&n)
			if err != nil {
				return missing(err, "order")
			}
			orderID = n
		}
		err := tx.QueryRow(r.Context(), "INSERT INTO tickets (customer_id, order_id, subject, topic) VALUES ($1, $2, $3, nullif($4, '')) RETURNING id",
			in.CustomerID, orderID, in.Subject, in.Topic).Scan(&out.ID)
		if is(err, referenced) {
			return fault.Missing("customer")
		}
		if err != nil {
			return fmt.Errorf("ticket: %w", err)
		}
		if _, err := tx.Exec(r.Context(), "INSERT INTO ticket_messages (ticket_id, author, body) VALUES ($1, 'C', $2)", out.ID, in.Text); err != nil {
			return fmt.Errorf("ticket: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, out)
}

// postMessage opens the ticket again for a customer's, and has it answered by an agent's.
func (s *shop) postMessage(w http.ResponseWriter, r *http.Request) error {
	ticket, err := id(r)
	if err != nil {
		return err
	}
	var in NewMessage
	if err := read(r, &in); err != nil {
		return err
	}
	if in.Text == "" || len(in.Text) > maxText || in.Internal && in.StaffID == 0 {
		return fault.BadField("/text", "is missing or longer than 10000 bytes, or internal and a customer's")
	}
	author, state, staff := "C", "open", any(nil)
	if in.StaffID != 0 {
		author, state, staff = "A", "answered", in.StaffID
	}
	var out created
	err = s.transact(r.Context(), func(tx pgx.Tx) error {
		var before string
		if err := tx.QueryRow(r.Context(), "SELECT state FROM tickets WHERE id = $1 FOR UPDATE", ticket).Scan(&before); err != nil {
			return missing(err, "ticket")
		}
		if in.Internal {
			state = before
		}
		err := tx.QueryRow(r.Context(), "INSERT INTO ticket_messages (ticket_id, author, staff_id, body, internal) VALUES ($1, $2, $3, $4, $5) RETURNING id",
			ticket, author, staff, in.Text, in.Internal).Scan(&out.ID)
		if is(err, referenced) {
			return fault.Missing("employee")
		}
		if err == nil && state != before {
			_, err = tx.Exec(r.Context(), "UPDATE tickets SET state = $2, closed_at = NULL WHERE id = $1", ticket, state)
		}
		if err != nil {
			return fmt.Errorf("message: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, out)
}

func (s *shop) openReturn(w http.ResponseWriter, r *http.Request) error {
	var in NewReturn
	if err := read(r, &in); err != nil {
		return err
	}
	if len(in.Lines) == 0 || len(in.Lines) > maxLines {
		return fault.BadField("/lines", "has none or more than 50")
	}
	var out created
	err := s.transact(r.Context(), func(tx pgx.Tx) error {
		orderID, status, err := locked(r.Context(), tx, in.Order) // nobody else returns anything of it now
		if err != nil {
			return err
		}
		if status != statusDelivered {
			return fault.New(fault.Conflict, "wrong_status", "Only what was delivered can be returned.")
		}
		if err := tx.QueryRow(r.Context(), "SELECT nextval(pg_get_serial_sequence('returns', 'id'))").Scan(&out.ID); err != nil {
			return fmt.Errorf("number of a return: %w", err)
		}
		tag, err := tx.Exec(r.Context(), "INSERT INTO returns (id, rma, order_id, customer_id) SELECT $2, $3, id, customer_id FROM orders WHERE id = $1 AND customer_id IS NOT NULL",
			orderID, out.ID, fmt.Sprintf("RMA-%06d", out.ID))
		if err != nil {
			return fmt.Errorf("return: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "guest_order", "Guests return things by telephone.")
		}
		for i, l := range in.Lines {
			tag, err := tx.Exec(r.Context(), `INSERT INTO return_lines (return_id, order_line_id, sku, qty, reason)
				SELECT $1, l.id, l.sku, $4::int, $5::text FROM order_lines l WHERE l.order_id = $2 AND l.sku = $3::text AND $4::int > 0 AND $5::text IN ('roto', 'equivocado', 'no_lo_quiero', 'otro')
				AND l.qty >= $4::int + (SELECT coalesce(sum(b.qty), 0) FROM return_lines b JOIN returns f ON f.id = b.return_id WHERE b.order_line_id = l.id AND f.state <> 'rejected')`,
				out.ID, orderID, l.SKU, l.Quantity, l.Reason)
			if err != nil {
				return fmt.Errorf("return: %w", err)
			}
			if tag.RowsAffected() == 0 {
				return fault.New(fault.Unprocessable, "not_returnable", "That was not bought, or not so much of it, or the reason is none.").At(fmt.Sprintf("/lines/%d", i), "cannot be returned")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, out)
}
