"""What issues keep of a person's words, and how it goes with them: texts that were given as examples, and names that
were made of what nobody else says.

A name that a colleague chose is the house's own and stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.domain.words import folded_words
from store.issues import led
from store.tables import issue, issue_act, issue_phrase, mention

LOOKED_AT = 500  # mentions of others in which a name is looked for, the newest; a name is in many of them
QUOTED = 5  # words; fewer are anybody's


async def forget_examples(connection: AsyncConnection, texts: Sequence[str]) -> int:
    """Inside a write: the examples that are one of these texts, or hold it, or are a piece of it. Returns how many."""
    given = (await connection.execute(select(issue_phrase).where(issue_phrase.c.example.is_(True)))).all()
    told = [f" {' '.join(words)} " for text in texts if (words := folded_words(text))] if given else []
    gone = [row for row in given if any(_same(f" {' '.join(folded_words(row.phrase))} ", text) for text in told)]
    for some in chunks(gone):
        await connection.execute(delete(issue_phrase).where(issue_phrase.c.id.in_([row.id for row in some])))
        await connection.execute(update(issue).where(issue.c.id.in_({row.issue_id for row in some})).values(stale=True))
    return len(gone)


async def unname(connection: AsyncConnection, author_id: int) -> int:
    """Inside a write, when the words of this author are gone: issues that they named get a number for a name, also
    where what was done to them is told. Returns how many."""
    theirs = select(mention.c.issue_id).where(mention.c.author_id == author_id, mention.c.issue_id.is_not(None))
    meant = set((await connection.execute(theirs.distinct())).scalars())
    if not meant:
        return 0
    rows = (await connection.execute(select(issue.c.id, issue.c.label, issue.c.merged_into))).all()
    into = {row.id: row.merged_into for row in rows if row.merged_into is not None}
    labels = {row.id: row.label for row in rows if led(row.id, into) in meant or row.id in meant}
    count = 0
    for some in chunks(labels):
        of_them = or_(issue_act.c.issue_id.in_(some), issue_act.c.other_id.in_(some))
        acts = (await connection.execute(select(issue_act).where(of_them))).all()
        for number in some:
            mine = [act for act in acts if number in (act.issue_id, act.other_id)]
            chosen = {act.after for act in mine if act.action != "merge" and act.after != act.before}
            said = {labels[number], *(words for act in mine for words in (act.before, act.after))} - chosen - {""}
            others = await _words_of_others(connection, led(number, into), author_id) if said else []
            for name in said:
                words = set(folded_words(name))
                if words and not any(words <= one for one in others):
                    await _rename(connection, number, name)
                    count += 1
    return count


def _same(example: str, text: str) -> bool:
    shorter, longer = sorted((example, text), key=len)
    return example == text or (len(shorter.split()) >= QUOTED and shorter in longer)


async def _words_of_others(connection: AsyncConnection, number: int, author_id: int) -> list[set[str]]:
    query = select(mention.c.title, mention.c.text).where(
        mention.c.issue_id == number, mention.c.author_id != author_id, mention.c.text != ""
    )
    newest = await connection.execute(query.order_by(mention.c.id.desc()).limit(LOOKED_AT))
    return [set(folded_words(f"{row.title} {row.text}")) for row in newest]


async def _rename(connection: AsyncConnection, number: int, name: str) -> None:
    plain = f"issue {number}"
    await connection.execute(update(issue).where(issue.c.id == number, issue.c.label == name).values(label=plain))
    for column in (issue_act.c.before, issue_act.c.after):
        told = update(issue_act).where(column == name)
        await connection.execute(told.values({column.name: plain}))
    named = (issue_phrase.c.issue_id == number, issue_phrase.c.phrase == name)
    await connection.execute(delete(issue_phrase).where(*named))
