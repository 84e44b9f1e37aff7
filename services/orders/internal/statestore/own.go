package statestore

import (
	"encoding/json"
	"time"

	"tienda/internal/fault"
	"tienda/internal/origin/intake"
	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/orders/internal/history"
	"tienda/services/orders/internal/moved"
	"tienda/services/orders/internal/order"
)

// firstDay is before all orders that were made here.
var firstDay = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// ownOrders gives all orders that were ever confirmed, those that were made here listed by
// the days of the history, the last one first. The history has an order when what happened
// to it is announced. State: for a page 1 bulk get of a year's days, and 1 of their pages.
func ownOrders(now func() time.Time) *intake.Own[moved.Order] {
	return &intake.Own[moved.Order]{
		Prefix: orders.Prefix,
		Holds: func(doc []byte) (map[string]moved.Order, error) {
			var o order.Order
			if err := json.Unmarshal(doc, &o); err != nil || o.Gone || o.ConfirmedAt.IsZero() {
				return nil, err
			}
			return map[string]moved.Order{o.ID: moved.Abroad(&o)}, nil
		},
		At: func(_ *state.Tx, id string) (string, error) { return orders.Key(id), nil },
		List: intake.MovedThen("orders", func(tx *state.Tx, at string) ([]string, string, error) {
			from := dayList{Day: now().UTC().AddDate(0, 0, 1).Format(history.DayFormat)}
			if err := page.Decode(at, &from); err != nil {
				return nil, "", err
			}
			return from.list(tx)
		}),
	}
}

// dayList is where the list of orders goes on that were made here.
type dayList struct {
	Day  string `json:"d"`
	Page int    `json:"p,omitempty"` // of the day's
}

// list gives the orders of some pages of one day, or that there are none on the days of a year.
func (l dayList) list(tx *state.Tx) (ids []string, next string, err error) {
	day, err := time.Parse(history.DayFormat, l.Day)
	if err != nil {
		return nil, "", fault.BadField("cursor", "is not a cursor of this list")
	}
	var days []string
	for d := day; len(days) < historyDays && !d.Before(firstDay); d = d.AddDate(0, 0, -1) {
		days = append(days, d.Format(history.DayFormat))
	}
	if err := tx.Load(historyDayDocs.Keys(days...)...); err != nil {
		return nil, "", err
	}
	for i, name := range days {
		of, _, err := historyDayDocs.Get(tx, name)
		if err != nil {
			return nil, "", err
		}
		from := 0
		if i == 0 {
			from = min(max(l.Page, 0), len(of.Pages))
		}
		if from == len(of.Pages) {
			continue
		}
		to := min(from+historyPages, len(of.Pages))
		found, err := historyPageDocs.GetAll(tx, of.Pages[from:to]...)
		for _, p := range found {
			for _, row := range p.Rows {
				ids = append(ids, row.ID)
			}
		}
		return ids, page.Encode(dayList{Day: name, Page: to}), err
	}
	last := day.AddDate(0, 0, -len(days))
	if last.Before(firstDay) {
		return nil, "", nil
	}
	return nil, page.Encode(dayList{Day: last.Format(history.DayFormat)}), nil
}
