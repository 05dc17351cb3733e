"""A row of a database table under control: it stays usable, and what a request sets is saved."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from sqlmodel import Field, Session, SQLModel, create_engine

from freak_core import Rejected, Store, Write


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    age: int = 3
    note: str | None = None


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def put(store: Store[Any], name: str, value: Any) -> None:
    """Set one field; it is applied at once."""
    assert store.submit(Write("put", (name,), value)).status == "applied"


def test_what_a_request_sets_in_a_row_is_saved(session: Session) -> None:
    hero = Hero(name="x")
    session.add(hero)
    session.commit()
    session.refresh(hero)
    store = Store(hero)
    put(store, "age", 7)
    assert hero in session.dirty
    session.commit()
    session.expire_all()
    assert (hero.age, hero.name) == (7, "x")


def test_a_row_that_is_in_no_session_stays_known_to_the_database_layer(session: Session) -> None:
    hero = Hero(name="x")
    store = Store(hero)
    put(store, "age", 7)
    store.submit(Write("put", (), store.public()))
    with pytest.raises(Rejected):
        store.submit(Write("put", ("age",), "old"))
    memento = store.memento()
    put(store, "name", "y")
    store.revert(memento)
    assert "age" in sqlalchemy.inspect(hero).attrs
    assert (hero.age, hero.name) == (7, "x")
    store.submit(Write("reset"))
    assert hero.age == 3
    session.add(hero)
    session.commit()
    assert hero.id is not None
