//! Cells: typed columns that are filled row by row, in the order in which the table lists them.
//!
//! INVARIANT (in order): whoever fills a row hands over one cell a column, of the column's type. A column that nobody asked
//! for costs nothing: what would fill it is not looked at.

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use inforce::fact::Instant;
use std::sync::Arc;

/// Rows of a batch, at which it is handed on.
pub const BATCH_ROWS: usize = 8192;

/// What a column holds. Times are in microseconds, UTC: what is finer is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Text,
    Number,
    Seconds,
    Flag,
    Time,
    Texts,
    Numbers,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
}

impl Type {
    /// The name in docs/sql.md.
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Number => "uint64",
            Type::Seconds => "int32",
            Type::Flag => "boolean",
            Type::Time => "timestamp",
            Type::Texts => "list of text",
            Type::Numbers => "list of uint64",
        }
    }

    fn arrow(self) -> DataType {
        match self {
            Type::Text => DataType::Utf8,
            Type::Number => DataType::UInt64,
            Type::Seconds => DataType::Int32,
            Type::Flag => DataType::Boolean,
            Type::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Type::Texts => DataType::new_list(DataType::Utf8, true),
            Type::Numbers => DataType::new_list(DataType::UInt64, true),
        }
    }

    fn builder(self) -> Builder {
        match self {
            Type::Text => Builder::Text(StringBuilder::new()),
            Type::Number => Builder::Number(UInt64Builder::new()),
            Type::Seconds => Builder::Seconds(Int32Builder::new()),
            Type::Flag => Builder::Flag(BooleanBuilder::new()),
            Type::Time => Builder::Time(TimestampMicrosecondBuilder::new().with_timezone(UTC)),
            Type::Texts => Builder::Texts(ListBuilder::new(StringBuilder::new())),
            Type::Numbers => Builder::Numbers(ListBuilder::new(UInt64Builder::new())),
        }
    }
}

const UTC: &str = "UTC";

/// The columns of a table as a schema.
pub fn schema<'a>(columns: impl Iterator<Item = &'a Column>) -> SchemaRef {
    let fields = columns.map(|column| Field::new(column.name, column.holds.arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// An instant as a table shows it.
pub fn micros(at: Instant) -> i64 {
    at.0.div_euclid(1000)
}

enum Builder {
    Text(StringBuilder),
    Number(UInt64Builder),
    Seconds(Int32Builder),
    Flag(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Texts(ListBuilder<StringBuilder>),
    Numbers(ListBuilder<UInt64Builder>),
}

impl Builder {
    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Number(builder) => Arc::new(builder.finish()),
            Builder::Seconds(builder) => Arc::new(builder.finish()),
            Builder::Flag(builder) => Arc::new(builder.finish()),
            Builder::Time(builder) => Arc::new(builder.finish()),
            Builder::Texts(builder) => Arc::new(builder.finish()),
            Builder::Numbers(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Rows of one table, as far as its columns were asked for.
pub struct Rows {
    /// One a column of the table; none where nobody asked.
    builders: Vec<Option<Builder>>,
    /// The columns asked for, in the order asked.
    projection: Vec<usize>,
    schema: SchemaRef,
    len: usize,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: &[Column], projection: &[usize]) -> Rows {
        let builder = |(ix, column): (usize, &Column)| projection.contains(&ix).then(|| column.holds.builder());
        Rows {
            builders: columns.iter().enumerate().map(builder).collect(),
            projection: projection.to_vec(),
            schema: schema(projection.iter().map(|&ix| &columns[ix])),
            len: 0,
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Begins a row.
    pub fn row(&mut self) -> Cells<'_> {
        self.len += 1;
        Cells { builders: self.builders.iter_mut() }
    }

    /// Hands out the rows, and begins anew.
    pub fn take(&mut self) -> RecordBatch {
        let mut columns: Vec<Option<ArrayRef>> =
            self.builders.iter_mut().map(|builder| builder.as_mut().map(Builder::finish)).collect();
        // A column may be asked for twice only in theory: the last asker takes a copy of the reference.
        let arrays = self.projection.iter().map(|&ix| columns[ix].as_mut().expect("asked for, so built").clone());
        let options = RecordBatchOptions::new().with_row_count(Some(self.len));
        self.len = 0;
        RecordBatch::try_new_with_options(self.schema.clone(), arrays.collect(), &options)
            .expect("INVARIANT (in order): every row has one cell a column, of the column's type")
    }
}

/// One row while it is filled.
pub struct Cells<'a> {
    builders: std::slice::IterMut<'a, Option<Builder>>,
}

impl Cells<'_> {
    fn next(&mut self) -> Option<&mut Builder> {
        self.builders.next().expect("INVARIANT (in order): no more cells than columns").as_mut()
    }

    /// A text.
    pub fn text(&mut self, value: Option<&str>) -> &mut Self {
        match self.next() {
            Some(Builder::Text(builder)) => builder.append_option(value),
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no text"),
        }
        self
    }

    /// A text that is made only if it was asked for.
    pub fn shown(&mut self, value: Option<impl std::fmt::Display>) -> &mut Self {
        match self.next() {
            Some(Builder::Text(builder)) => builder.append_option(value.map(|value| value.to_string())),
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no text"),
        }
        self
    }

    /// A number.
    pub fn number(&mut self, value: Option<u64>) -> &mut Self {
        match self.next() {
            Some(Builder::Number(builder)) => builder.append_option(value),
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no number"),
        }
        self
    }

    /// Seconds.
    pub fn seconds(&mut self, value: i32) -> &mut Self {
        match self.next() {
            Some(Builder::Seconds(builder)) => builder.append_value(value),
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no seconds"),
        }
        self
    }

    /// Yes, no, or not known.
    pub fn flag(&mut self, value: Option<bool>) -> &mut Self {
        match self.next() {
            Some(Builder::Flag(builder)) => builder.append_option(value),
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no flag"),
        }
        self
    }

    /// A time.
    pub fn time(&mut self, value: Option<Instant>) -> &mut Self {
        match self.next() {
            Some(Builder::Time(builder)) => builder.append_option(value.map(micros)),
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no time"),
        }
        self
    }

    /// A list of texts.
    pub fn texts<S: AsRef<str>>(&mut self, value: Option<impl IntoIterator<Item = S>>) -> &mut Self {
        match self.next() {
            Some(Builder::Texts(builder)) => {
                let is_known = value.is_some();
                value.into_iter().flatten().for_each(|text| builder.values().append_value(text));
                builder.append(is_known);
            }
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no texts"),
        }
        self
    }

    /// A list of numbers.
    pub fn numbers(&mut self, value: Option<impl IntoIterator<Item = u64>>) -> &mut Self {
        match self.next() {
            Some(Builder::Numbers(builder)) => {
                let is_known = value.is_some();
                value.into_iter().flatten().for_each(|number| builder.values().append_value(number));
                builder.append(is_known);
            }
            None => {}
            Some(_) => unreachable!("INVARIANT (in order): this column holds no numbers"),
        }
        self
    }

    /// So many columns that nobody asked for.
    pub fn skip(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            assert!(self.next().is_none(), "INVARIANT (in order): nobody asked for this column");
        }
        self
    }

    /// Nothing, so many times: of a body that was destroyed.
    pub fn end(&mut self) {
        for builder in self.builders.by_ref().flatten() {
            match builder {
                Builder::Text(builder) => builder.append_null(),
                Builder::Number(builder) => builder.append_null(),
                Builder::Seconds(builder) => builder.append_null(),
                Builder::Flag(builder) => builder.append_null(),
                Builder::Time(builder) => builder.append_null(),
                Builder::Texts(builder) => builder.append_null(),
                Builder::Numbers(builder) => builder.append_null(),
            }
        }
    }
}
