"""How much is done in one round of the event loop."""

import asyncio

from freak_core.server.api.event_loop_turns import AT_ONCE, turn


def test_only_some_go_on_in_a_round_and_all_do_in_the_end() -> None:
    async def rounds() -> list[int]:
        loop, now, went_on = asyncio.get_running_loop(), 0, list[int]()

        def tick() -> None:
            nonlocal now
            now += 1
            loop.call_soon(tick)

        async def one(times: int) -> None:
            for _ in range(times):
                await turn("reader")
                went_on.append(now)
                await asyncio.sleep(0)

        tick()
        tasks = [asyncio.create_task(one(3)) for _ in range(5 * AT_ONCE)]
        await asyncio.sleep(0)
        for task in tasks[AT_ONCE : AT_ONCE + 5]:
            task.cancel()  # clients that leave while they wait
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
        return went_on

    found = asyncio.run(rounds())
    assert len(found) == 3 * (5 * AT_ONCE - 5)
    assert max(map(found.count, found)) <= 2 * AT_ONCE  # those that waited, and those that come new


def test_what_is_not_wanted_any_more_takes_no_turn() -> None:
    async def waited() -> list[int]:
        rounds = [0] * 50

        async def one(number: int) -> None:
            await turn("owner", lambda: number >= 40)
            rounds[number] = now

        now, tasks = 0, [asyncio.create_task(one(number)) for number in range(50)]
        for now in range(1000):  # noqa: B007  each task notes the round
            await asyncio.sleep(0)
        assert all(task.done() for task in tasks)
        return rounds

    rounds = asyncio.run(asyncio.wait_for(waited(), 20))
    assert rounds[40] <= rounds[AT_ONCE] + 1
    assert rounds == sorted(rounds)
