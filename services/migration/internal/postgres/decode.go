package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"

	"tienda/services/migration/internal/source"
)

// decoder gathers the messages of pgoutput, version 1, into transactions.
type decoder struct {
	*Source
	relations map[uint32]*relation
	open      bool // between begin and commit
	xid       uint32
	at        time.Time
	end       source.Position // just behind the commit
	changes   []source.Change
	parted    bool // some of its changes have been taken already
	own       bool // it bears Writer's mark
	unmarked  bool // the server does not tell marks
}

// relation is a table as the messages after it have it.
type relation struct {
	table    string
	followed bool
	columns  []*pglogrepl.RelationMessageColumn
}

// take gives the changes so far.
func (d *decoder) take() []source.Change {
	c := d.changes
	d.changes, d.parted = nil, true
	return c
}

// message takes one, and says whether a transaction is whole with it.
func (d *decoder) message(ctx context.Context, data []byte) (committed bool, err error) {
	m, err := pglogrepl.Parse(data)
	if err != nil {
		return false, fmt.Errorf("message of the stream: %w", err)
	}
	switch m := m.(type) {
	case *pglogrepl.BeginMessage:
		d.open, d.xid, d.at, d.own = true, m.Xid, m.CommitTime.UTC(), d.unmarked
	case *pglogrepl.LogicalDecodingMessage:
		d.own = d.own || m.Transactional && m.Prefix == mark
	case *pglogrepl.CommitMessage:
		d.open, d.end = false, source.Position(m.TransactionEndLSN)
		return true, nil
	case *pglogrepl.RelationMessage:
		d.relation(m)
	case *pglogrepl.InsertMessage:
		err = d.change(ctx, m.RelationID, 0, nil, m.Tuple)
	case *pglogrepl.UpdateMessage:
		err = d.change(ctx, m.RelationID, m.OldTupleType, m.OldTuple, m.NewTuple)
	case *pglogrepl.DeleteMessage:
		err = d.change(ctx, m.RelationID, m.OldTupleType, m.OldTuple, nil)
	case *pglogrepl.TruncateMessage:
		for _, id := range m.RelationIDs {
			if r := d.relations[id]; r != nil && r.followed {
				d.changes = append(d.changes, source.Change{Table: r.table, Truncate: true})
			}
		}
	}
	return false, err
}

// relation notes a table. The server sends it again when the table has changed.
func (d *decoder) relation(m *pglogrepl.RelationMessage) {
	name := d.name(m.Namespace, m.RelationName)
	d.mu.Lock()
	followed := d.follow == nil || d.follow[name]
	d.mu.Unlock()
	d.relations[m.RelationID] = &relation{table: name, followed: followed, columns: m.Columns}
	d.forgetCatalog()
}

func (d *decoder) change(ctx context.Context, id uint32, oldType uint8, before, after *pglogrepl.TupleData) error {
	r := d.relations[id]
	if r == nil {
		return fmt.Errorf("message of the stream: table %d is not known", id)
	}
	if !r.followed {
		return nil
	}
	c := source.Change{Table: r.table}
	var err error
	if before != nil {
		if c.Old, err = d.row(ctx, r, before, oldType == pglogrepl.UpdateMessageTupleTypeKey, nil); err != nil {
			return err
		}
	}
	if after != nil {
		if c.New, err = d.row(ctx, r, after, false, c.Old); err != nil {
			return err
		}
	}
	d.changes = append(d.changes, c)
	return nil
}

// row reads a tuple. One that is only a key has nothing but NULL beside it, which is left
// out. A large value that has not changed is not sent: it is taken from what was before, if
// that is known, or left out.
func (d *decoder) row(ctx context.Context, r *relation, t *pglogrepl.TupleData, key bool, before source.Row) (source.Row, error) {
	if len(t.Columns) != len(r.columns) {
		return nil, fmt.Errorf("message of the stream: a row of %s has %d columns, not %d", r.table, len(t.Columns), len(r.columns))
	}
	row := make(source.Row, len(t.Columns))
	for n, c := range t.Columns {
		column := r.columns[n]
		if key && column.Flags&1 == 0 {
			continue
		}
		switch c.DataType {
		case pglogrepl.TupleDataTypeNull:
			row[column.Name] = nil
		case pglogrepl.TupleDataTypeToast:
			if v, ok := before[column.Name]; ok {
				row[column.Name] = v
			}
		case pglogrepl.TupleDataTypeText:
			v, err := d.value(ctx, column.DataType, c.Data)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", r.table, column.Name, err)
			}
			row[column.Name] = v
		default:
			return nil, errors.New("message of the stream: a value is not text")
		}
	}
	return row, nil
}
