"""Faults planted in the text of what is found out about brands: cells, limits, facts and the table."""

from planted.source_plant import SourcePlant

PLANTS = [
    SourcePlant(
        "a cell says carried although the phone lost the field",
        "pushgateway/abilities/asking.py",
        'problem = problem or ("" if as_texts else "; ".join(problems))',
        "pass",
        "tests/abilities/test_cells_of_known_vendors.py::test_a_plug_in_that_says_what_is_not_so",
    ),
    SourcePlant(
        "after refused keys the following features are asked through a closed gateway",
        "pushgateway/abilities/asking.py",
        "            await self.aclose()\n            self._begin()\n",
        "            pass\n",
        "tests/abilities/test_cells_of_known_vendors.py::test_refused_keys_cost_one_cell",
    ),
    SourcePlant(
        "what the vendor itself refuses counts as refused by the rules",
        "pushgateway/abilities/asking.py",
        "return self.outcome.ok or (self.outcome.status is Status.NOT_SENT and self.outcome.reason in _BY_RULES)",
        "return self.outcome.ok or self.outcome.reason in _BY_RULES",
        "tests/abilities/test_cells_of_known_vendors.py::test_what_only_the_vendor_refuses_is_wrong",
    ),
    SourcePlant(
        "texts in the place of other data are a fault",
        "pushgateway/abilities/asking.py",
        "as_texts = bool(problems and note.data) and not compare(with_texts(note))",
        "as_texts = False",
        "tests/abilities/test_cells_of_known_vendors.py::test_data_as_texts",
    ),
    SourcePlant(
        "a time of a broadcast that is lost is not noticed",
        "pushgateway/abilities/asking.py",
        'return f"{\', \'.join(lost)} was lost on the way" if lost else ""',
        'return ""',
        "tests/abilities/test_cells_of_known_vendors.py::test_a_broadcast_that_loses_its_time",
    ),
    SourcePlant(
        "a limit is one too large",
        "pushgateway/abilities/limits.py",
        "    while high - low > 1:\n        middle = (low + high) // 2\n"
        "        low, high = (middle, high) if await fits(middle) else (low, middle)\n    return low\n",
        "    while high - low > 1:\n        middle = (low + high) // 2\n"
        "        low, high = (middle, high) if await fits(middle) else (low, middle)\n    return high\n",
        "tests/abilities/test_limits.py::test_the_largest_that_fits",
    ),
    SourcePlant(
        "bytes are taken for characters",
        "pushgateway/abilities/limits.py",
        "if count < 1 or not await fits(count, letter) or await fits(count + 1, letter):",
        "if count < 1 or await fits(count + 1, letter):",
        "tests/abilities/test_limits.py::test_each_way_of_counting_is_found",
    ),
    SourcePlant(
        "a limit of all fields together counts as the field's own",
        "pushgateway/abilities/limits.py",
        "return answer.cell(*feature.words).verdict is not Verdict.CARRIED or bool(answer.outcome.truncated)",
        "return False",
        "tests/abilities/test_limits.py::test_each_limit_is_right_at_n_and_at_n_plus_one",
    ),
    SourcePlant(
        "a channel that an intent chooses counts as carried without being asked",
        "pushgateway/abilities/brand.py",
        'return (await asker.ask(attrs.evolve(PLAIN, channel_id=channel))).cell("channel_id")',
        "return Cell(verdict=Verdict.CARRIED)",
        "tests/abilities/test_cells_of_known_vendors.py::test_channels_that_the_certificate_must_name",
    ),
    SourcePlant(
        "a field that needs another one beside it counts as refused",
        "pushgateway/abilities/brand.py",
        "    sample = with_beside(feature, feature.sample(asker.now))\n",
        "    sample = feature.sample(asker.now)\n",
        "tests/abilities/test_cells_of_known_vendors.py::test_quill",
    ),
    SourcePlant(
        "a login is sent to find out whether there is one",
        "pushgateway/abilities/facts.py",
        "        exchange.close()\n",
        "        next(exchange, None)\n",
        "tests/abilities/test_facts.py::test_how_a_plug_in_logs_in",
    ),
    SourcePlant(
        "made-up settings are used where the sandbox has better ones",
        "pushgateway/abilities/facts.py",
        "        yield lambda: sandbox.settings(HOST)\n",
        "        pass\n",
        "tests/abilities/test_facts.py::test_settings_of_the_sandbox_are_tried_first",
    ),
    SourcePlant(
        "a cut and a refusal have the same sign",
        "pushgateway/abilities/table.py",
        'sign = "✂" if cell.beyond is Verdict.CUT else',
        'sign = "≤" if cell.beyond is Verdict.CUT else',
        "tests/abilities/test_table.py::test_a_cell",
    ),
    SourcePlant(
        "a wrong cell leaves the exit code at 0",
        "pushgateway/cli/vendors.py",
        "is_good = all(one.problem is None for one in found) and not brand_table.faults(columns)",
        "is_good = all(one.problem is None for one in found)",
        "tests/cli/test_vendors.py::test_a_wrong_cell_is_a_sentence_and_an_exit_code",
    ),
    SourcePlant(
        "a narrow terminal breaks the lines of the table",
        "pushgateway/cli/brand_table.py",
        "most = max((to.width - LABEL) // WIDTH, 1) if to.is_terminal else len(columns)",
        "most = len(columns)",
        "tests/cli/test_vendors.py::test_a_narrow_terminal_gets_several_tables",
    ),
]
