package shop

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"tienda/internal/fault"
)

// Codes in orders.status.
const (
	statusNew       = 10
	statusPacked    = 15
	statusShipped   = 20
	statusDelivered = 30
	statusCancelled = 90
)

// StatusName gives the name of a code in orders.status; "unknown" for one that the shop
// does not know.
func StatusName(code int) string {
	switch code {
	case statusNew, statusPacked:
		return "confirmed"
	case statusShipped:
		return "shipped"
	case statusDelivered:
		return "delivered"
	case statusCancelled:
		return "cancelled"
	}
	return "unknown"
}

func (s *shop) ship(w http.ResponseWriter, r *http.Request) error {
	return s.move(w, r, statusShipped, []int{statusNew, statusPacked},
		"UPDATE orders SET status = 20, shipped_at = now(), tracking = 'ES' || lpad(id::text, 10, '0') || 'C' WHERE id = $1")
}

func (s *shop) deliver(w http.ResponseWriter, r *http.Request) error {
	return s.move(w, r, statusDelivered, []int{statusShipped},
		"UPDATE orders SET status = 30, delivered_at = now() WHERE id = $1",
		"UPDATE payments SET state = 'PAID', paid = amount, updated_at = now() WHERE order_id = $1 AND method = 'COD'")
}

// cancel gives back the goods and the money.
func (s *shop) cancel(w http.ResponseWriter, r *http.Request) error {
	return s.move(w, r, statusCancelled, []int{statusNew, statusPacked},
		"UPDATE orders SET status = 90, cancelled_at = now() WHERE id = $1",
		"SELECT FROM inventory WHERE variant_id IN (SELECT variant_id FROM order_lines WHERE order_id = $1) ORDER BY variant_id FOR UPDATE", // as buyers do
		"UPDATE inventory i SET quantity = i.quantity + l.qty FROM order_lines l WHERE l.order_id = $1 AND l.variant_id = i.variant_id",
		"UPDATE payments SET state = 'REFUNDED', refunded = paid, updated_at = now() WHERE order_id = $1 AND paid > 0")
}

// move runs the statements on an order that has one of the statuses. One that is there
// already is left as it is.
func (s *shop) move(w http.ResponseWriter, r *http.Request, to int, from []int, statements ...string) error {
	err := s.transact(r.Context(), func(tx pgx.Tx) error {
		id, status, err := locked(r.Context(), tx, number(r))
		if err != nil || status == to {
			return err
		}
		possible := false
		for _, f := range from {
			possible = possible || f == status
		}
		if !possible {
			return fault.New(fault.Conflict, "wrong_status", fmt.Sprintf("The order is %s.", StatusName(status)))
		}
		for _, sql := range statements {
			if _, err := tx.Exec(r.Context(), sql, id); err != nil {
				return fmt.Errorf("order %s: %w", number(r), err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	o, err := s.order(r.Context(), number(r))
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, o)
}

// locked finds an order that nobody else changes until the transaction has ended.
func locked(ctx context.Context, tx pgx.Tx, number string) (id int64, status int, err error) {
	err = tx.QueryRow(ctx, "SELECT id, status FROM orders WHERE number = $1 FOR UPDATE", number).Scan(&id, &status)
	return id, status, missing(err, "order")
}
