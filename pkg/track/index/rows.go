package index

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strings"
	"time"

	"noisebook/pkg/track"
)

// readRuns reads the records of all runs, without journals and metrics.
func readRuns(ctx context.Context, db *sql.DB) (map[string]*record, error) {
	rows, err := db.QueryContext(ctx, `SELECT n, id, kind, name, parent, stage, version, key, state, error, started, ended,
		attempts, dropped, code, tags, params, changed, sealed FROM run`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	records := map[string]*record{}
	same := map[string]string{} // the few texts that thousands of runs share
	for rows.Next() {
		e, r := &Entry{}, &record{}
		var kind, name, parent, stage, state, code sql.RawBytes
		var started, ended int64
		if err := rows.Scan(&e.row, &e.ID, &kind, &name, &parent, &stage, &e.Version, &e.Key, &state, &e.Error, &started, &ended,
			&e.Attempts, &e.Dropped, &code, &e.tagsJSON, &e.paramsJSON, &r.changed, &r.sealed); err != nil {
			return nil, err
		}
		share := func(text sql.RawBytes) string {
			known, ok := same[string(text)]
			if !ok {
				known = string(text)
				same[known] = known
			}
			return known
		}
		e.Kind, e.Name, e.Parent, e.Stage = track.Kind(share(kind)), share(name), share(parent), share(stage)
		e.State, e.Commit = track.State(share(state)), share(code)
		e.Started, e.Ended = timeOf(started), timeOf(ended)
		r.entry = e
		records[e.ID] = r
	}
	return records, rows.Err()
}

// readJournals adds their journals to the records of runs that are not sealed.
func readJournals(ctx context.Context, db *sql.DB, records map[string]*record) error {
	open := map[int64]*record{}
	for _, r := range records {
		if !r.sealed {
			open[r.entry.row] = r
		}
	}
	if len(open) == 0 {
		return nil
	}
	rows, err := db.QueryContext(ctx, journalColumns+` WHERE run IN (SELECT n FROM run WHERE NOT sealed) ORDER BY run, place`)
	if err != nil {
		return err
	}
	return eachJournal(rows, func(run int64, j journal) {
		if r := open[run]; r != nil {
			r.journals = append(r.journals, j)
		}
	})
}

const journalColumns = `SELECT run, name, size, offset, last, ended, attached, process, machine FROM journal`

func eachJournal(rows *sql.Rows, visit func(run int64, j journal)) error {
	defer rows.Close()
	for rows.Next() {
		var j journal
		var run, last int64
		if err := rows.Scan(&run, &j.name, &j.size, &j.offset, &last, &j.ended, &j.attached, &j.attempt.Process, &j.attempt.Machine); err != nil {
			return err
		}
		j.last = timeOf(last)
		visit(run, j)
	}
	return rows.Err()
}

// readCourses completes a record so that a scan can continue from it.
func readCourses(ctx context.Context, db *sql.DB, r *record) error {
	r.journals, r.courses = nil, map[string]*course{}
	rows, err := db.QueryContext(ctx, journalColumns+` WHERE run = ? ORDER BY place`, r.entry.row)
	if err != nil {
		return err
	}
	if err := eachJournal(rows, func(_ int64, j journal) { r.journals = append(r.journals, j) }); err != nil {
		return err
	}
	rows, err = db.QueryContext(ctx, metricColumns+`, top_step, writer, attached FROM metric WHERE run = ?`, r.entry.row)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		c, m := &course{}, metricRow{}
		if err := rows.Scan(append(m.targets(), &c.MaxStep, &c.Writer, &c.Attached)...); err != nil {
			return err
		}
		c.Summary = m.summary()
		r.courses[m.name] = c
	}
	return rows.Err()
}

const metricColumns = `SELECT name, run, count, first, first_step, last, last_step, min, min_step, max, max_step`

// metricRow is a row of the table metric.
type metricRow struct {
	name                   string
	run                    int64
	s                      Summary
	first, last, low, high sql.NullFloat64
}

func (m *metricRow) targets() []any {
	return []any{
		&m.name, &m.run, &m.s.Count, &m.first, &m.s.First.Step, &m.last, &m.s.Last.Step,
		&m.low, &m.s.Min.Step, &m.high, &m.s.Max.Step,
	}
}

func (m *metricRow) summary() Summary {
	for _, v := range []struct {
		to   *float64
		from sql.NullFloat64
	}{{&m.s.First.Value, m.first}, {&m.s.Last.Value, m.last}, {&m.s.Min.Value, m.low}, {&m.s.Max.Value, m.high}} {
		if *v.to = v.from.Float64; !v.from.Valid {
			*v.to = math.NaN()
		}
	}
	return m.s
}

// readMetrics visits the summaries of the named metrics or, without names, of
// all; of one run when run is not 0.
func readMetrics(ctx context.Context, db *sql.DB, run int64, names []string, visit func(run int64, name string, s Summary)) error {
	query, arguments := metricColumns+" FROM metric", []any{}
	var conditions []string
	if run != 0 {
		conditions, arguments = append(conditions, "run = ?"), append(arguments, run)
	}
	if len(names) > 0 {
		conditions = append(conditions, "name IN (?"+strings.Repeat(", ?", len(names)-1)+")")
		for _, name := range names {
			arguments = append(arguments, name)
		}
	}
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	rows, err := db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var m metricRow
	targets := m.targets()
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		visit(m.run, m.name, m.summary())
	}
	return rows.Err()
}

// write stores what scans found, all or nothing, and forgets the runs that are
// gone.
func write(ctx context.Context, db *sql.DB, scanned []*record, gone []int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	w := writer{ctx: ctx, tx: tx, prepared: map[string]*sql.Stmt{}}
	for _, run := range gone {
		w.exec(`DELETE FROM run WHERE n = ?`, run)
		w.forget(run)
	}
	rows := make([]int64, len(scanned))
	for i, r := range scanned {
		rows[i] = w.record(r)
	}
	if w.err == nil {
		w.err = tx.Commit()
	}
	if w.err == nil {
		for i, r := range scanned {
			r.entry.row = rows[i]
		}
	}
	return w.err
}

// writer prepares each statement once and remembers the first error.
type writer struct {
	ctx      context.Context
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
	err      error
}

func (w *writer) statement(query string) *sql.Stmt {
	if s, ok := w.prepared[query]; ok || w.err != nil {
		return s
	}
	s, err := w.tx.PrepareContext(w.ctx, query) // closed with the transaction
	w.prepared[query], w.err = s, err
	return s
}

func (w *writer) exec(query string, arguments ...any) {
	if s := w.statement(query); w.err == nil {
		_, w.err = s.ExecContext(w.ctx, arguments...)
	}
}

func (w *writer) forget(run int64) {
	w.exec(`DELETE FROM journal WHERE run = ?`, run)
	w.exec(`DELETE FROM metric WHERE run = ?`, run)
}

func (w *writer) record(r *record) (run int64) {
	e := r.entry
	s := w.statement(`INSERT INTO run (id, kind, name, parent, stage, version, key, state, error, started, ended,
			attempts, dropped, code, tags, params, changed, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, parent = excluded.parent,
			stage = excluded.stage, version = excluded.version, key = excluded.key, state = excluded.state,
			error = excluded.error, started = excluded.started, ended = excluded.ended, attempts = excluded.attempts,
			dropped = excluded.dropped, code = excluded.code, tags = excluded.tags, params = excluded.params,
			changed = excluded.changed, sealed = excluded.sealed
		RETURNING n`)
	if w.err != nil {
		return 0
	}
	w.err = s.QueryRowContext(w.ctx, e.ID, string(e.Kind), e.Name, e.Parent, e.Stage, e.Version, e.Key, string(e.State), e.Error,
		nanoseconds(e.Started), nanoseconds(e.Ended), e.Attempts, e.Dropped, e.Commit, string(e.tagsJSON), string(e.paramsJSON),
		r.changed, r.sealed).Scan(&run)
	if w.err != nil {
		return 0
	}
	w.forget(run) // another process may have written it since it was read
	for place, j := range r.journals {
		w.exec(`INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			run, place, j.name, j.size, j.offset, nanoseconds(j.last), j.ended, j.attached, j.attempt.Process, j.attempt.Machine)
	}
	names := make([]string, 0, len(r.courses))
	for name := range r.courses {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := r.courses[name]
		w.exec(`INSERT INTO metric VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			name, run, c.Count, valueOf(c.First), c.First.Step, valueOf(c.Last), c.Last.Step, valueOf(c.Min), c.Min.Step,
			valueOf(c.Max), c.Max.Step, c.MaxStep, c.Writer, c.Attached)
	}
	return run
}

// valueOf writes NaN, which SQLite cannot hold, as NULL.
func valueOf(p Point) any {
	if math.IsNaN(p.Value) {
		return nil
	}
	return p.Value
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
