"""What an account may be called, and files of accounts as spreadsheets write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.account import NewAccount, check_account, check_password, forms, parse_accounts
from loginq.service.rules.errors import Invalid
from loginq.service.rules.sheets import rows

ADA = NewAccount("ada", "ada@example.com", "Correct-Horse-7-Battery")
SECRET = ADA.password


@pytest.mark.parametrize(
    "text",
    [
        f"username,email,password\nada,ada@example.com,{SECRET}\n",
        f"username,email,password\r\nada,ada@example.com,{SECRET}",
        f"username;email;password\r\nada;ada@example.com;{SECRET}\r\n",
        f"username\temail\tpassword\nada\tada@example.com\t{SECRET}\n",
        f"sep=;\r\nusername;email;password\r\nada;ada@example.com;{SECRET}\r\n",
        f"SEP=,\nusername,email,password\nada,ada@example.com,{SECRET}\n",
        f"UserName, E-Mail, Password\nada, ada@example.com, {SECRET}\n",
        f'"username","email","password"\n"ada","ada@example.com","{SECRET}"\n',
        f"username,email,password,\nada,ada@example.com,{SECRET},\n",
        f"username,email,password\n\n,,\nada,ada@example.com,{SECRET}\n,,\n,\n \n",
        f"password,email,username\n{SECRET},ada@example.com, ada \n",
        f"\n\nusername,email,password\nada,ada@example.com,{SECRET}\n",
    ],
)
def test_a_sheet_as_it_may_be_written(text: str) -> None:
    roll = parse_accounts(text)
    assert (roll.accounts, roll.unused) == ([ADA], ())


def test_cognitos_own_import_file_and_what_of_it_is_not_used() -> None:
    header = (
        "cognito:username,name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,website,"
        "email,email_verified,gender,birthdate,zoneinfo,locale,phone_number,phone_number_verified,address,updated_at,"
        "cognito:mfa_enabled,custom:guild"
    )
    row = "ada,Ada L.,,,,,,,,,ada@example.com,TRUE,,,,,,,,,FALSE,red"
    roll = parse_accounts(f"{header}\n{row}\n")
    assert roll.accounts == [NewAccount("ada", "ada@example.com")]
    assert roll.unused == ("name", "cognito:mfa_enabled", "custom:guild")
    with pytest.raises(Invalid, match=r"Line 2: The address is not verified"):
        parse_accounts(f"{header}\n{row.replace('TRUE', 'false')}\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The first line names the columns of nothing."),
        ("name,mail\nada,a@b\n", "The first line names the columns name, mail."),
        ("username,email,colour\nada,a@b,red\n", "The first line names the columns username, email, colour."),
        ("username,email,phone_number\nada,a@b,1\n", "The first line names the columns username, email, phone_number."),
        ("username,email,email\nada,a@b,c@d\n", "The first line names the column email twice."),
        ("username,email,E-Mail\nada,a@b,c@d\n", "The first line names the column email twice."),
        ("username,email\nada\n", "Line 2: It needs a user name and an e-mail address."),
        ("username,email\n,a@example.com\n", "Line 2: It needs a user name and an e-mail address."),
        ("username,email\nada,a@b,x,y\n", "Line 2: It has more cells than the first line has columns."),
        ("username,email,\nada,a@b,x\n", "Line 2: It has more cells than the first line has columns."),
        ("username,email\nada,a@b\n\nADA,b@b\n", "Line 4: The user name 'ADA' is on line 2 already."),
        ("username,email\nada,a@b\nbob,A@B\n", "Line 3: The address 'A@B' is on line 2 already."),
        ("username,email\nada@b,a@b\n", "Line 2: The user name 'ada@b' is an e-mail address."),
        ("username,email\na b,a@b\n", "Line 2: 'a b' is not a user name."),
        ("username,email\n" + "x" * 129 + ",a@b\n", f"Line 2: '{'x' * 59}…' is not a user name."),
        ("username,email\nada,nowhere\n", "Line 2: 'nowhere' is not an e-mail address."),
        ('username,email\nada,"a@b\n', "Line 2 is not CSV: unexpected end of data."),
        ('username,email\nada,"a"@b\n', "Line 2 is not CSV: ',' expected after '\"'."),
    ],
)
def test_a_file_that_is_refused(text: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_accounts(text)
    assert refused.value.message == says
    assert refused.value.hint


@pytest.mark.parametrize(
    "password", ["two\nlines-A1!", "two\r\nlines-A1!", "sign\u2028-A1!xxxxxx", "sign\x85-A1!xxxxxx", " lead-A1!xxxxxx"]
)
def test_a_password_stays_as_it_is_or_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_accounts(f'username,email,password\nada,ada@example.com,"{password}"\nbob,bob@example.com,short\n')
    assert refused.value.message.startswith("Line 2: The password begins or ends with a blank, or has a line end")
    assert "lines" not in refused.value.message and "A1!" not in refused.value.message
    with pytest.raises(Invalid):
        check_password(password)


def test_every_finding_is_told_with_the_line_on_which_its_row_begins_and_the_list_ends() -> None:
    bad = 'username,email,password\nada,ada@example.com,"a\nb"\nada,nowhere,\nbob,bob@example.com,\n'
    with pytest.raises(Invalid) as refused:
        parse_accounts(bad)
    assert [line.partition(":")[0] for line in refused.value.message.splitlines()] == ["Line 2", "Line 4", "Line 4"]
    assert refused.value.hint == "Nothing was created. Mend the file and run the same command again."
    with pytest.raises(Invalid) as refused:
        parse_accounts("username,email\n" + ",a@b\n" * 1_500)
    assert len(refused.value.message.splitlines()) == 11
    assert refused.value.message.endswith("\nAnd 2,989 more.")


@pytest.mark.parametrize(
    "name", ["ada", "#ace", "=1+1", "김철수", "\u00e9", "e\u0301", "@ace", "a.b-c_d", "😀", "x" * 128]
)
def test_names_that_cognito_takes(name: str) -> None:
    check_account(name, "ada@example.com")


@pytest.mark.parametrize("name", ["", " ", "a b", "a\tb", "a\u200db", "bad\udcff", "\ufeffada", "a\x00", "x" * 129])
def test_names_that_cognito_refuses(name: str) -> None:
    with pytest.raises(Invalid, match="is not a user name"):
        check_account(name, "ada@example.com")


@pytest.mark.parametrize(
    "email", ["", "ada", "@b", "a@", "a@b@c", "a b@c", "a\udcff@b", "a\x00@b", "x" * 250 + "@b.de"]
)
def test_what_is_no_address(email: str) -> None:
    with pytest.raises(Invalid, match="is not an e-mail address"):
        check_account("ada", email)


def test_the_forms_of_a_name() -> None:
    assert forms("ada") == ["ada"]
    assert forms("Jose\u0301") == ["Jose\u0301", "José"]
    assert forms("José") == ["José", "Jose\u0301"]


@given(st.text())
def test_any_text_is_rows_or_a_clear_error(text: str) -> None:
    try:
        found = list(rows(text))
    except Invalid as exc:
        assert exc.message.startswith("Line ")
        return
    assert all(any(cell.strip() for cell in row) for _, row in found)
    assert [line for line, _ in found] == sorted({line for line, _ in found})
