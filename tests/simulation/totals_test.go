package simulation

import (
	"fmt"
	"strings"

	"tienda/tests/history"
)

// What of the read model of orders is judged: its rows, as the service writes them.
type (
	historyDayDoc struct {
		Pages []string `json:"pages"`
	}
	historyPageDoc struct {
		Rows []struct {
			ID       string         `json:"i"`
			Status   history.Status `json:"s"`
			Total    int64          `json:"a"`
			Refunded int64          `json:"r"`
			Lines    []struct {
				Quantity int `json:"q"`
				Returned int `json:"b"`
			} `json:"l"`
		} `json:"rows"`
	}
	// shownSums is what a dashboard shows of a status.
	shownSums struct {
		orders, pieces, returned int
		total, refunded          int64
	}
)

// miscounted names where the totals that staff see are not those of a count over all
// orders that were bought.
func (w *world) miscounted(orders []history.Order) (wrong []string) {
	shown, there := map[history.Status]shownSums{}, map[history.Status]shownSums{}
	store := w.apps["orders"].store
	seen := map[string]bool{}
	for _, key := range store.keys("history-day:") {
		var d historyDayDoc
		store.document(key, &d)
		for _, name := range d.Pages {
			var p historyPageDoc
			store.document("history-page:"+name, &p)
			for _, r := range p.Rows {
				if seen[r.ID] {
					wrong = append(wrong, w.plain(fmt.Sprintf("totals: order %s counts twice", r.ID)))
				}
				seen[r.ID] = true
				sum := shown[r.Status]
				sum.orders, sum.total, sum.refunded = sum.orders+1, sum.total+r.Total, sum.refunded+r.Refunded
				for _, l := range r.Lines {
					sum.pieces, sum.returned = sum.pieces+l.Quantity, sum.returned+l.Returned
				}
				shown[r.Status] = sum
			}
		}
	}
	for _, o := range orders {
		if o.Refused || o.Status == history.Pending {
			continue
		}
		sum := there[o.Status]
		sum.orders, sum.total = sum.orders+1, sum.total+o.Total
		for _, l := range o.Lines {
			sum.pieces += l.Quantity
		}
		if o.Status != history.Cancelled { // whose card gets its money back at any time: the totals are of returns
			sum.refunded += o.Refunded
			for _, x := range o.Cancellations {
				sum.total -= x.Amount
				sum.refunded -= x.Refunded
				for _, l := range x.Lines {
					sum.pieces -= l.Quantity
				}
			}
		}
		for _, r := range o.Refunds {
			for _, l := range r.Lines {
				sum.returned += l.Quantity
			}
		}
		there[o.Status] = sum
	}
	for _, status := range []history.Status{history.Confirmed, history.PartiallyShipped, history.Shipped, history.Delivered, history.Cancelled} {
		if shown[status] != there[status] {
			wrong = append(wrong, fmt.Sprintf("totals: %s orders are shown as %+v, and are %+v", status, shown[status], there[status]))
		}
	}
	return wrong
}

// isRow says whether a key is of the read model's rows.
func isRow(key string) bool { return strings.HasPrefix(key, "history-page:") }
